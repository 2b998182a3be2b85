//! What the pages say about clusters: which library finds its way by the base rules,
//! and which needs a rule more.

use warden_tests::ports::free_port;
use warden_tests::scene::ROLES;
use warden_tests::{Line, Scene, eventually};

use super::page;
use super::program::Program;

/// The least that reads a key through the cluster client of a library.
fn program(library: &str) -> Program {
    let python = |module: &str, class: &str| {
        format!(
            "```python\nimport sys\nimport {module}\nfrom {module}.credentials import CredentialProvider\n\
             host, port, file = sys.argv[1:]\n\
             class TokenFile(CredentialProvider):\n    def get_credentials(self):\n        return 'token', open(file).read().strip()\n\
             client = {module}.{class}(host=host, port=int(port), credential_provider=TokenFile(), decode_responses=True)\n\
             print('read', client.get('reports:1'))\n```\n"
        )
    };
    let script = |rest: &str| {
        format!(
            "```javascript\nimport {{ readFileSync }} from 'node:fs';\n\
             const [host, port, file] = process.argv.slice(2);\n\
             const password = readFileSync(file, 'utf8').trim();\n{rest}```\n"
        )
    };
    let text = match library {
        "valkey-py" => python("valkey", "ValkeyCluster"),
        "redis-py" => python("redis", "RedisCluster"),
        "iovalkey" => script(
            "import iovalkey from 'iovalkey';\n\
             const redisOptions = { username: 'token', password };\n\
             const clusterRetryStrategy = (times) => (times > 3 ? null : 50);\n\
             const client = new iovalkey.Cluster([{ host, port: Number(port) }], { redisOptions, clusterRetryStrategy });\n\
             client.on('error', () => {});\n\
             await client.get('reports:1').then((text) => console.log('read', text), (error) => console.log(error.message));\n\
             client.disconnect();\n",
        ),
        "valkey-glide" => script(
            "import { GlideClusterClient, Logger } from '@valkey/valkey-glide';\n\
             Logger.init('off');\n\
             const addresses = [{ host, port: Number(port) }];\n\
             const credentials = { username: 'token', password };\n\
             const client = await GlideClusterClient.createClient({ addresses, credentials, requestTimeout: 5000 });\n\
             console.log('read', await client.get('reports:1'));\nclient.close();\n",
        ),
        _ => panic!("no program for {library}"),
    };
    Program::of(library, &text)
}

/// One node that has all slots.
fn cluster(line: Line, more_rules: &str) -> Scene {
    let port = free_port().to_string();
    let rules = format!("\"+@read\"{more_rules}");
    let scene = Scene::builder(line)
        .roles(&ROLES.replacen("\"+@read\"", &rules, 1))
        .config([
            ("cluster-enabled", "yes"),
            ("cluster-port", &port),
            // A node without neighbours does not know how it is reached.
            ("cluster-announce-ip", "127.0.0.1"),
        ])
        .start();
    let mut admin = scene.server.admin();
    admin.run("CLUSTER ADDSLOTSRANGE 0 16383").expect_ok();
    eventually("the cluster works", || {
        admin.run("SET reports:1 hello").is_ok().then_some(())
    });
    scene
}

#[test]
fn the_base_rules_suffice_in_a_cluster_but_for_iovalkey() {
    for line in Line::BOTH {
        let scene = cluster(line, "");
        for library in ["valkey-py", "redis-py", "valkey-glide", "iovalkey"] {
            let token = scene.token("alice");
            let outcome = program(library).run(scene.server.address(), &token, None);
            let needs_more = library == "iovalkey";
            assert_eq!(outcome.says("read hello"), !needs_more, "{outcome:?}");
            let mentions = page(library).contains("it needs `+cluster|info`");
            assert_eq!(mentions, needs_more, "{library}");
        }
        let scene = cluster(line, ", \"+cluster|info\"");
        let token = scene.token("alice");
        let outcome = program("iovalkey").run(scene.server.address(), &token, None);
        assert!(outcome.says("read hello"), "{outcome:?}");
    }
}
