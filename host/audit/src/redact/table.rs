//! What each command of the server may carry, decided one by one.
//!
//! In: a command's full name. Out: the [`Form`] of its arguments, or that nobody decided yet.
//! The commands are those of Valkey 9.1, which has all of 8.0. Never: a guess.

use super::form::Form;

/// The form of a command's arguments; `None` for a command that is not of the server's own.
/// Capitals do not matter.
pub(super) fn form(name: &[u8]) -> Option<Form> {
    let is = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    let special = FORMS.iter().find(|(known, _)| is(known));
    if let Some((_, form)) = special {
        return Some(*form);
    }
    if is_container(name) {
        // Without a subcommand, or with one that is none: whatever stands there is unknown.
        return Some(Form::From(1));
    }
    PLAIN.split(' ').any(is).then_some(Form::Plain)
}

/// Whether the word behind the command's name belongs to its name.
pub(super) fn is_container(name: &[u8]) -> bool {
    let is = |known: &str| known.as_bytes().eq_ignore_ascii_case(name);
    CONTAINERS.split(' ').any(is)
}

/// Commands that can carry a secret, or text that may be anything.
pub(super) const FORMS: [(&str, Form); 40] = [
    ("acl|deluser", Form::UserNames(2)),
    ("acl|dryrun", Form::Inner(3)),
    ("acl|getuser", Form::UserNames(2)),
    ("acl|list", Form::From(2)),
    ("acl|load", Form::From(2)),
    ("acl|save", Form::From(2)),
    ("acl|setuser", Form::UserRules),
    ("acl|users", Form::From(2)),
    ("acl|whoami", Form::From(2)),
    ("auth", Form::From(1)),
    ("command|getkeys", Form::Inner(2)),
    ("command|getkeysandflags", Form::Inner(2)),
    ("config|get", Form::Words(2)),
    ("config|resetstat", Form::From(2)),
    ("config|rewrite", Form::From(2)),
    ("config|set", Form::Settings(2)),
    ("debug", Form::Debug),
    ("echo", Form::From(1)),
    ("eval", Form::Script),
    ("eval_ro", Form::Script),
    ("evalsha", Form::ScriptDigest),
    ("evalsha_ro", Form::ScriptDigest),
    ("fcall", Form::Function),
    ("fcall_ro", Form::Function),
    ("function|load", Form::FunctionLoad),
    ("function|restore", Form::FunctionRestore),
    ("hello", Form::Hello),
    ("migrate", Form::Migrate),
    ("module|load", Form::From(3)),
    ("module|loadex", Form::ModuleLoadEx),
    ("ping", Form::From(1)),
    ("replconf", Form::Words(1)),
    ("script|exists", Form::Digests(2)),
    ("script|load", Form::From(2)),
    ("script|show", Form::Digests(2)),
    ("sentinel|config", Form::SentinelConfig),
    ("sentinel|debug", Form::Settings(2)),
    ("sentinel|set", Form::Settings(3)),
    ("warden.dryrun", Form::DryRun),
    ("warden.explain", Form::From(1)),
];

/// Names of which the second word is a command of its own.
const CONTAINERS: &str = "acl client cluster command commandlog config function latency memory \
    module object pubsub script sentinel slowlog xgroup xinfo";

/// Commands whose arguments are names, numbers, options and data: shown as they were sent.
pub(super) const PLAIN: &str = "\
    acl|cat acl|genpass acl|help acl|log append \
    asking bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop \
    brpop brpoplpush bzmpop bzpopmax bzpopmin client|caching client|capa client|getname \
    client|getredir client|help client|id client|import-source client|info client|kill \
    client|list client|no-evict client|no-touch client|pause client|reply client|setinfo \
    client|setname client|tracking client|trackinginfo client|unblock client|unpause clusterscan \
    cluster|addslots cluster|addslotsrange cluster|bumpepoch cluster|cancelslotmigrations \
    cluster|count-failure-reports cluster|countkeysinslot cluster|delslots cluster|delslotsrange \
    cluster|failover cluster|flushslot cluster|flushslots cluster|forget cluster|getkeysinslot \
    cluster|getslotmigrations cluster|help cluster|info cluster|keyslot cluster|links \
    cluster|meet cluster|migrateslots cluster|myid cluster|myshardid cluster|nodes \
    cluster|replicas cluster|replicate cluster|reset cluster|saveconfig cluster|set-config-epoch \
    cluster|setslot cluster|shards cluster|slaves cluster|slot-stats cluster|slots \
    cluster|syncslots commandlog|get commandlog|help commandlog|len commandlog|reset \
    command|count command|docs command|help command|info command|list config|help \
    copy dbsize decr decrby del delifeq discard dump exec exists \
    expire expireat expiretime failover flushall flushdb function|delete function|dump \
    function|flush function|help function|kill function|list function|stats geoadd geodist \
    geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch \
    geosearchstore get getbit getdel getex getrange getset hdel hexists hexpire hexpireat \
    hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset hpersist \
    hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl \
    hvals incr incrby incrbyfloat info keys lastsave latency|doctor latency|graph latency|help \
    latency|histogram latency|history latency|latest latency|reset lcs lindex linsert llen lmove \
    lmpop lolwut lpop lpos lpush lpushx lrange lrem lset ltrim memory|doctor memory|help \
    memory|malloc-stats memory|purge memory|stats memory|usage mget module|help module|list \
    module|unload monitor move mset msetex msetnx multi object|encoding object|freq object|help \
    object|idletime object|refcount persist pexpire pexpireat pexpiretime pfadd pfcount pfdebug \
    pfmerge pfselftest psetex psubscribe psync pttl publish pubsub|channels pubsub|help \
    pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub punsubscribe quit \
    randomkey readonly readwrite rename renamenx replicaof reset restore restore-asking role \
    rpop rpoplpush rpush rpushx sadd save scan scard script|debug script|flush script|help \
    script|kill sdiff sdiffstore select sentinel|ckquorum sentinel|failover sentinel|flushconfig \
    sentinel|get-master-addr-by-name sentinel|get-primary-addr-by-name sentinel|help \
    sentinel|info-cache sentinel|is-master-down-by-addr sentinel|is-primary-down-by-addr \
    sentinel|master sentinel|masters sentinel|monitor sentinel|myid sentinel|pending-scripts \
    sentinel|primaries sentinel|primary sentinel|remove sentinel|replicas sentinel|reset \
    sentinel|sentinels sentinel|simulate-failure sentinel|slaves set setbit setex setnx setrange \
    shutdown sinter sintercard sinterstore sismember slaveof slowlog|get slowlog|help \
    slowlog|len slowlog|reset smembers smismember smove sort sort_ro spop spublish srandmember \
    srem sscan ssubscribe strlen subscribe substr sunion sunionstore sunsubscribe swapdb sync \
    time touch ttl type unlink unsubscribe unwatch wait waitaof warden.authenticators \
    warden.help warden.kill warden.policies warden.refused warden.reload warden.sessions \
    warden.whoami watch \
    xack xadd xautoclaim xclaim xdel xgroup|create xgroup|createconsumer xgroup|delconsumer \
    xgroup|destroy xgroup|help xgroup|setid xinfo|consumers xinfo|groups xinfo|help xinfo|stream \
    xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim zadd zcard zcount zdiff \
    zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin \
    zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex \
    zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan \
    zscore zunion zunionstore";
