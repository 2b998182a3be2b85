// Whoever is on call gets the rights of that work, for as long as the shift lasts.
//
// In: oncall.json, which holds those rights and the shifts, and the time. Out: one
// grant while a shift is on whose member the principal is, and no opinion
// otherwise; both hold until a shift of theirs begins or ends. It reads no claims
// and never denies.
//
// Whatever is in doubt refuses the data as a whole: an unknown key, a time without
// an offset, a shift that ends before it begins, a member or a rule of another form,
// more shifts than an answer has labels for.

import * as log from "warden:policy/log@0.1.0";

const FILE = "oncall.json";

// Those who have no shift ahead are asked about again after a day.
const DAY_SECONDS = 86_400;

// What warden takes of one answer: labels, here one for each shift, and rules of a grant.
const MAX_SHIFTS = 32;
const MAX_RULES = 256;

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const MEMBER = /^(user|group):[a-z0-9_-]+\/./;
const RULE = /^([+-]@?\w[\w.-]*(\|\w[\w.-]*)?|(~|%(R|W|RW|WR)~|&)[^\s"'()]+|db=\d+(,\d+)*|alldbs)$/;

let rules = [];
let shifts = [];

export function describe() {
  return {
    name: "oncall",
    version: "1.0.0",
    summary: "Rights for those who are on call, from a rota.",
    claims: { tag: "none" },
    inputs: ["clock"],
  };
}

export function configure(files) {
  if (files.length !== 1 || files[0].name !== FILE) {
    throw `one data file is read, ${FILE}: it holds "rules" and "shifts"`;
  }
  const data = parsed(files[0].bytes);
  withKeys(data, FILE, ["rules", "shifts"]);
  rules = list(data.rules, "rules", MAX_RULES).map(rule);
  shifts = list(data.shifts, "shifts", MAX_SHIFTS).map(shift);
  const names = shifts.map(({ name }) => name);
  const doubled = names.find((name, at) => names.indexOf(name) !== at);
  if (doubled !== undefined) {
    throw `${FILE}: shifts: ${JSON.stringify(doubled)} stands there twice`;
  }
}

export function evaluate(request) {
  const now = Number(request.now);
  const mine = shifts.filter(({ members }) => members.some((member) => isMember(request.principal, member)));
  const on = mine.filter(({ from, until }) => from <= now && now < until);
  if (shifts.every(({ until }) => until <= now)) {
    log.write("warning", `${FILE}: all its shifts are over`);
  }
  const wait = untilNextChange(mine, now);
  return {
    grants: on.length > 0 ? [{ rules }] : [],
    restrictions: [],
    // A u64 is a BigInt in SpiderMonkey and a number in QuickJS.
    validFor: typeof request.now === "bigint" ? BigInt(wait) : wait,
    labels: on.map(({ name }) => ["shift", name]),
  };
}

export function labels() {
  return shifts.map(({ name }) => ["shift", name]);
}

// --- the decision ------------------------------------------------------------

function userName({ authenticator, name }) {
  return `${authenticator}/${name}`;
}

function isMember(principal, member) {
  return member === `user:${userName(principal)}` || principal.groups.some((group) => member === `group:${group}`);
}

/** Seconds until a shift of these begins or ends; a day when none does. */
function untilNextChange(some, now) {
  const ahead = some.flatMap(({ from, until }) => [from, until]).filter((moment) => moment > now);
  return ahead.length > 0 ? Math.min(...ahead) - now : DAY_SECONDS;
}

// --- the data ----------------------------------------------------------------

function parsed(bytes) {
  try {
    return JSON.parse(text(bytes));
  } catch (error) {
    throw `${FILE}: ${error.message}`;
  }
}

/** UTF-8, as it is read where there is no TextDecoder. */
function text(bytes) {
  return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
}

/** Warden reads every rule again; asked here, the mistake is told with its place. */
function rule(value) {
  if (typeof value !== "string" || !RULE.test(value)) {
    throw `${FILE}: rules: ${JSON.stringify(value)} is no permission: write +COMMAND, -COMMAND, +@CATEGORY, ~KEYS or &CHANNELS`;
  }
  return value;
}

function shift(value, at) {
  const where = `shifts[${at}]`;
  withKeys(value, `${FILE}: ${where}`, ["name", "from", "until", "members"]);
  const members = texts(value.members, `${where}.members`);
  const odd = members.find((member) => !MEMBER.test(member));
  if (odd !== undefined) {
    throw `${FILE}: ${where}.members: ${JSON.stringify(odd)} is neither "user:ID/NAME" nor "group:ID/NAME"`;
  }
  const { name } = value;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw `${FILE}: ${where}.name: ${JSON.stringify(name)} is no name: 1 to 64 of A-Z a-z 0-9 . _ -`;
  }
  const from = seconds(value.from, `${where}.from`);
  const until = seconds(value.until, `${where}.until`);
  if (until <= from) {
    throw `${FILE}: ${where}: it ends before it begins`;
  }
  return { name, from, until, members };
}

/** Seconds since 1970. Without an offset a time would be that of nobody knows where. */
function seconds(value, where) {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;
  const moment = form.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(moment)) {
    throw `${FILE}: ${where}: write a time with its offset, such as "2026-11-30T08:00:00Z"`;
  }
  return Math.floor(moment / 1000);
}

function withKeys(value, where, keys) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw `${where}: an object with ${keys.join(", ")} is wanted`;
  }
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw `${where}: unknown key ${JSON.stringify(unknown)}; there are ${keys.join(", ")}`;
  }
}

function list(value, where, most = Infinity) {
  if (!Array.isArray(value) || value.length === 0) {
    throw `${FILE}: ${where}: a list with something in it is wanted`;
  }
  if (value.length > most) {
    throw `${FILE}: ${where}: more than ${most}`;
  }
  return value;
}

function texts(value, where) {
  const odd = list(value, where).find((text) => typeof text !== "string" || text === "");
  if (odd !== undefined) {
    throw `${FILE}: ${where}: ${JSON.stringify(odd)} is no text`;
  }
  return value;
}
