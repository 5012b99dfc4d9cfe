//! Deployments from their creation to their end.

use super::*;

#[test]
fn a_healthy_canary_is_right_to_the_second() {
    let mut client = Client::new("traffic: {requests_per_second: 50}");
    let id = client.deploy();
    assert_eq!(client.status(&id), "Created");
    client.until(10, |c| c.status(&id) == "InProgress");
    client.until(300, |c| c.weights() == (90, 10));
    let shifted = client.event(&id, "AllowTraffic")["startTime"].as_f64().unwrap();
    assert_eq!(client.event(&id, "Install")["status"], "Succeeded");
    assert_eq!(client.event(&id, "AfterAllowTraffic")["status"], "Pending");
    client.pass(299);
    assert_eq!(client.weights(), (90, 10));
    client.pass(1);
    assert_eq!(client.weights(), (0, 100));
    let ended = client.event(&id, "AllowTraffic")["endTime"].as_f64().unwrap();
    assert_eq!(ended - shifted, 300.0);
    // The termination wait still counts as in progress, and blue is still there.
    client.pass(250);
    assert_eq!(client.status(&id), "InProgress");
    assert_eq!(client.deployment(&id)["instanceTerminationWaitTimeStarted"], true);
    let sets = client.service()["taskSets"].as_array().unwrap().clone();
    assert_eq!(sets.len(), 2);
    let primary = sets.iter().find(|set| set["status"] == "PRIMARY").unwrap();
    assert_eq!(primary["externalId"], json!(id));
    client.until(200, |c| c.status(&id) == "Succeeded");
    assert_eq!(client.service()["taskSets"].as_array().unwrap().len(), 1);
    let tally = client.tally();
    assert_eq!(tally.violations, [""; 0]);
    assert_eq!(tally.requests.dropped, 0);
    let steps: Vec<u32> = tally.weights.iter().map(|w| w.weights["api-green-prod"]).collect();
    assert_eq!(steps, [0, 10, 100]);
    assert!(tally.restored_at_s.is_none());
}

#[test]
fn linear_steps_come_at_their_minutes() {
    let mut client = Client::new("");
    let mut input = client.deployment_input(&client.register());
    input["deploymentConfigName"] = json!("CodeDeployDefault.ECSLinear10PercentEvery1Minutes");
    client.call("codedeploy", "CreateDeployment", input);
    client.pass(900);
    let changes = client.tally().weights;
    let steps: Vec<u32> = changes.iter().map(|w| w.weights["api-green-prod"]).collect();
    assert_eq!(steps, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    let gaps = changes[1..].windows(2).map(|pair| pair[1].at_s - pair[0].at_s);
    assert!(gaps.into_iter().all(|gap| gap == 60.0));
}

#[test]
fn stopping_with_rollback_makes_a_new_deployment_that_restores_blue() {
    let mut client = Client::new("");
    let id = client.deploy();
    client.until(300, |c| c.weights() == (90, 10));
    let input = json!({"deploymentId": id, "autoRollbackEnabled": true});
    let answer = client.call("codedeploy", "StopDeployment", input);
    assert_eq!(answer["status"], "Pending");
    client.until(10, |c| c.status(&id) == "Stopped");
    let stopped = client.deployment(&id);
    assert_eq!(stopped["errorInformation"]["code"], "MANUAL_STOP");
    let rollback = stopped["rollbackInfo"]["rollbackDeploymentId"].as_str().unwrap().to_owned();
    assert_ne!(rollback, id);
    let made = client.deployment(&rollback);
    assert_eq!(made["creator"], "codeDeployRollback");
    assert_eq!(made["rollbackInfo"]["rollbackTriggeringDeploymentId"], json!(id));
    client.until(30, |c| c.weights() == (100, 0));
    client.until(120, |c| c.status(&rollback) == "Succeeded");
    assert_eq!(client.service()["taskSets"].as_array().unwrap().len(), 1);
    assert_eq!(client.event(&id, "AllowTraffic")["status"], "Failed");
    assert_eq!(client.event(&id, "AfterAllowTraffic")["status"], "Skipped");
    let tally = client.tally();
    assert_eq!(tally.violations, [""; 0]);
    assert_eq!(tally.requests.dropped, 0);
    let made: Vec<(&str, bool)> =
        tally.deployments.iter().map(|made| (made.id.as_str(), made.is_rollback())).collect();
    assert_eq!(made, [(id.as_str(), false), (rollback.as_str(), true)]);
    assert!(tally.restored_at_s.is_some());
}

#[test]
fn stopping_without_rollback_leaves_the_weights() {
    let mut client = Client::new("");
    let id = client.deploy();
    client.until(300, |c| c.weights() == (90, 10));
    let input = json!({"deploymentId": id, "autoRollbackEnabled": false});
    client.call("codedeploy", "StopDeployment", input);
    client.pass(300);
    assert_eq!(client.weights(), (90, 10));
    assert_eq!(client.status(&id), "Stopped");
    assert!(client.deployment(&id).get("rollbackInfo").is_none());
    let again = client.refused("codedeploy", "StopDeployment", json!({"deploymentId": id}));
    assert_eq!(again.code, "DeploymentAlreadyCompletedException");
    // The next deployment clears what was left and takes everything.
    let next = client.deploy();
    client.until(900, |c| c.weights() == (0, 100));
    client.until(900, |c| c.status(&next) == "Succeeded");
    assert_eq!(client.service()["taskSets"].as_array().unwrap().len(), 1);
}

#[test]
fn an_alarm_stops_and_rolls_back() {
    let mut client = Client::new("revisions: {candidate: {error_rate: 5%}}");
    let id = client.deploy();
    client.until(900, |c| c.status(&id) == "Stopped");
    let stopped = client.deployment(&id);
    assert_eq!(stopped["errorInformation"]["code"], "ALARM_ACTIVE");
    let message = stopped["errorInformation"]["message"].as_str().unwrap();
    assert!(message.contains("api-5xx-prod"), "{message}");
    client.until(60, |c| c.weights() == (100, 0));
    let tally = client.tally();
    assert!(tally.bad_requests > 10 && tally.bad_requests < 200, "{}", tally.bad_requests);
    assert!(tally.first_bad_at_s.unwrap() < tally.restored_at_s.unwrap());
    assert_eq!((tally.violations.len(), tally.requests.dropped), (0, 0));
}

#[test]
fn a_slow_candidate_fires_the_latency_alarm() {
    let mut client = Client::new("revisions: {candidate: {latency_factor: 3}}");
    let id = client.deploy();
    client.until(900, |c| c.status(&id) == "Stopped");
    let message = client.deployment(&id)["errorInformation"]["message"].to_string();
    assert!(message.contains("api-latency-prod"), "{message}");
}

#[test]
fn the_ready_wait_needs_a_word_and_times_out_without() {
    let mut setup = Setup::sample();
    setup.services[0].ready_wait = Some(s(600));
    let mut client = Client::with(setup.clone(), "", 7);
    let id = client.deploy();
    client.until(200, |c| c.status(&id) == "Ready");
    let early = json!({"deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT"});
    let refused = client.refused("codedeploy", "ContinueDeployment", early);
    assert_eq!(refused.code, "DeploymentIsNotInReadyStateException");
    client.pass(100);
    assert_eq!(client.weights(), (100, 0));
    let go = json!({"deploymentId": id, "deploymentWaitType": "READY_WAIT"});
    client.call("codedeploy", "ContinueDeployment", go);
    client.until(10, |c| c.weights() == (90, 10));
    client.until(310, |c| c.deployment(&id)["instanceTerminationWaitTimeStarted"] == true);
    let go = json!({"deploymentId": id, "deploymentWaitType": "TERMINATION_WAIT"});
    client.call("codedeploy", "ContinueDeployment", go);
    client.until(60, |c| c.status(&id) == "Succeeded");

    let mut client = Client::with(setup, "", 7);
    let id = client.deploy();
    client.until(900, |c| c.status(&id) == "Stopped");
    let message = client.deployment(&id)["errorInformation"]["message"].to_string();
    assert!(message.contains("This time out period is 10 minutes"), "{message}");
    assert_eq!(client.weights(), (100, 0));
}

#[test]
fn hooks_answer_fail_and_go_silent() {
    let spec = |client: &Client| {
        let mut input = client.deployment_input(&client.register());
        let content = input["revision"]["appSpecContent"]["content"].as_str().unwrap();
        let mut tree: Value = serde_json::from_str(content).unwrap();
        tree["Hooks"] = json!([{"AfterAllowTestTraffic": "smoke"}]);
        input["revision"]["appSpecContent"]["content"] = json!(tree.to_string());
        input
    };
    let start = |client: &Client| {
        let made = client.call("codedeploy", "CreateDeployment", spec(client));
        made["deploymentId"].as_str().unwrap().to_owned()
    };
    let mut client = Client::new("hooks: {AfterAllowTestTraffic: {answer: failed, duration: 20s}}");
    let id = start(&client);
    client.until(300, |c| c.status(&id) == "Failed");
    assert_eq!(client.deployment(&id)["errorInformation"]["code"], "HOOK_EXECUTION_FAILURE");
    assert_eq!(client.event(&id, "AfterAllowTestTraffic")["status"], "Failed");
    assert!(client.tally().weights.len() == 1, "no production traffic moved");

    let mut client = Client::new("hooks: {AfterAllowTestTraffic: {answer: silent}}");
    let id = start(&client);
    client.pass(600);
    assert_eq!(client.event(&id, "AfterAllowTestTraffic")["status"], "InProgress");
    client.until(3600, |c| c.status(&id) == "Failed");
}
