//! The binary against the served cloud: real sockets, real time, real signals.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const CONFIG: &str = r#"
version: 1
app: shop
environments:
  production: {suffix: prod, region: eu-west-1, accounts: ["123456789012"]}
services:
  web:
    image: {repository: shop/web}
    port: 8080
    rollout:
      shift: all-at-once
      bake: 1s
      alarms: [shop-web-5xx]
"#;

/// A command that inherits nothing but what it needs to start.
fn program(folder: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ha-deploy"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

pub(crate) struct Cloud {
    folder: tempfile::TempDir,
    server: Child,
    endpoint: String,
}

impl Cloud {
    pub(crate) fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ha-deploy.yml"), CONFIG).unwrap();
        let arguments = ["rehearse", "--serve", "127.0.0.1:0", "--speed", "200"];
        let mut server = program(folder.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let endpoint = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("serving on ")?;
                rest.split_whitespace().next().map(str::to_owned)
            })
            .expect("the server says where it is");
        Self { folder, server, endpoint }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut child = program(self.folder.path(), arguments)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "rehearsal")
            .env("AWS_SECRET_ACCESS_KEY", "rehearsal")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (child.wait().unwrap().code().unwrap(), out, err)
    }

    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> Value {
        let (got, out, err) = self.run(arguments);
        assert_eq!(got, code, "{arguments:?}\n{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
    }

    fn live(&self) -> String {
        let status = self.json(&["status", "--json"], 0);
        status["services"][0]["revision"].as_str().unwrap().to_owned()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Everything that a person does in a week, over sockets.
#[test]
fn deploys_and_rolls_back_over_sockets() {
    let cloud = Cloud::serve();
    assert_eq!(cloud.live(), "web-prod:41");

    // A plan changes nothing, so the same plan follows.
    let plan = cloud.json(&["plan", "--image", "web=candidate", "--json"], 0);
    assert_eq!(plan["services"][0]["to"]["revision"], Value::Null);
    assert_eq!(cloud.json(&["plan", "--image", "web=candidate", "--json"], 0), plan);

    let (code, _, err) = cloud.run(&["deploy", "--image", "web=no-such-tag"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("no-such-tag"), "{err}");

    let deploy = ["deploy", "--image", "web=candidate", "--wait-termination", "--json"];
    let deployed = cloud.json(&deploy, 0);
    assert_eq!(deployed["services"]["web"]["to"]["revision"], "web-prod:42");
    assert_eq!(cloud.live(), "web-prod:42");

    // Nothing differs, so nothing is done: no revision, no deployment.
    let again = cloud.json(&deploy, 0);
    let calls = again["api_calls"].as_object().unwrap();
    let made = ["CreateDeployment", "RegisterTaskDefinition"];
    assert!(!calls.keys().any(|call| made.iter().any(|name| call.contains(name))), "{calls:?}");

    // Back to the last good one, which is not the one that was left.
    cloud.json(&["rollback", "--json"], 0);
    let status = cloud.json(&["status", "--json"], 0);
    assert_eq!(status["services"][0]["revision"], "web-prod:41");
    let good: Vec<&str> = status["services"][0]["good"]
        .as_array()
        .unwrap()
        .iter()
        .map(|good| good["revision"].as_str().unwrap())
        .collect();
    assert_eq!(good, ["web-prod:41", "web-prod:40"]);
}

#[test]
fn without_credentials_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ha-deploy.yml"), CONFIG).unwrap();
    let output = program(folder.path(), &["status"])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
}
