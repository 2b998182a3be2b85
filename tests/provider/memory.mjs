// Where the provider keeps what it issued: in memory, for as long as the process runs.
//
// The library's own memory forgets the oldest of about a thousand things; a test may
// mint more tokens than that. Expiry is looked at by the library when it finds one.

const stored = new Map();
const grants = new Map();

export class Memory {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    const key = this.key(id);
    stored.set(key, payload);
    if (payload.grantId) {
      grants.set(payload.grantId, [...(grants.get(payload.grantId) ?? []), key]);
    }
  }

  async find(id) {
    return stored.get(this.key(id));
  }

  async destroy(id) {
    stored.delete(this.key(id));
  }

  async consume(id) {
    stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async revokeByGrantId(id) {
    (grants.get(id) ?? []).forEach((key) => stored.delete(key));
    grants.delete(id);
  }

  // Sessions and devices, which nobody here has.
  async findByUid() {}

  async findByUserCode() {}
}
