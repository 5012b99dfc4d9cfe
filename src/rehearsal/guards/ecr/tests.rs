use super::*;

fn ecr() -> Ecr {
    let place = Place {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        epoch: Duration::from_secs(1_800_000_000),
    };
    let mut ecr = Ecr::new(place);
    for (digit, tags) in [("a", vec!["v1"]), ("b", vec!["v2", "main"]), ("c", vec![])] {
        ecr.push(
            "web",
            ImageSetup {
                digest: format!("sha256:{}", digit.repeat(64)),
                tags: tags.into_iter().map(str::to_owned).collect(),
                bytes: 1,
                age: Duration::from_secs(60),
            },
        );
    }
    ecr
}

fn describe(ecr: &mut Ecr, input: Value) -> Reply {
    ecr.call(Duration::ZERO, "DescribeImages", &input)
}

#[test]
fn images_are_found_by_tag_and_digest_and_missing_ones_are_named() {
    let mut ecr = ecr();
    let by_tag = describe(
        &mut ecr,
        json!({ "repositoryName": "web", "imageIds": [{ "imageTag": "main" }] }),
    );
    let by_tag = by_tag.unwrap();
    assert_eq!(by_tag["imageDetails"][0]["imageTags"], json!(["v2", "main"]));
    let missing =
        describe(&mut ecr, json!({ "repositoryName": "web", "imageIds": [{ "imageTag": "x" }] }));
    let missing = missing.unwrap_err();
    assert_eq!(missing.code, "ImageNotFoundException");
    assert_eq!(
        missing.message,
        "The image with imageId {imageDigest:'null', imageTag:'x'} does not exist within the \
         repository with name 'web' in the registry with id '123456789012'"
    );
    let repository = describe(&mut ecr, json!({ "repositoryName": "api" })).unwrap_err();
    assert_eq!(repository.code, "RepositoryNotFoundException");
}

#[test]
fn scans_find_what_was_said_or_the_usual_and_tokens_are_new_each_time() {
    let mut ecr = ecr();
    let digest = format!("sha256:{}", "a".repeat(64));
    ecr.finds(digest, vec![ScanFinding::new("CVE-1", "CRITICAL", "p")]);
    let mut severity = |tag: &str| {
        let input = json!({ "repositoryName": "web", "imageId": { "imageTag": tag } });
        let answer = ecr.call(Duration::ZERO, "DescribeImageScanFindings", &input)?;
        Ok::<_, ApiError>(answer["imageScanFindings"]["findings"][0]["severity"].clone())
    };
    assert_eq!(severity("v1").unwrap(), "CRITICAL");
    assert_eq!(severity("v2").unwrap(), "MEDIUM");
    assert_eq!(severity("gone").unwrap_err().code, "ImageNotFoundException");
    let mut token = || {
        let answer = ecr.call(Duration::ZERO, "GetAuthorizationToken", &json!({})).unwrap();
        answer["authorizationData"][0]["authorizationToken"].clone()
    };
    assert_ne!(token(), token());
}

#[test]
fn pages_follow_each_other_and_a_strange_token_is_refused() {
    let mut ecr = ecr();
    let first = describe(&mut ecr, json!({ "repositoryName": "web", "maxResults": 2 })).unwrap();
    assert_eq!(first["imageDetails"].as_array().unwrap().len(), 2);
    let input = json!({ "repositoryName": "web", "nextToken": first["nextToken"] });
    let second = describe(&mut ecr, input).unwrap();
    assert_eq!(second["imageDetails"][0].get("imageTags"), None);
    let strange = json!({ "repositoryName": "web", "nextToken": "page-99" });
    assert_eq!(describe(&mut ecr, strange).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn a_batch_answers_failures_beside_images_and_a_push_moves_a_tag() {
    let mut ecr = ecr();
    let input = json!({
        "repositoryName": "web",
        "imageIds": [{ "imageTag": "v1" }, { "imageTag": "gone" }],
    });
    let answer = ecr.call(Duration::ZERO, "BatchGetImage", &input).unwrap();
    assert_eq!(answer["images"].as_array().unwrap().len(), 1);
    assert_eq!(answer["failures"][0]["failureCode"], json!("ImageNotFound"));
    let digest = format!("sha256:{}", "d".repeat(64));
    let tags = vec!["main".to_owned()];
    ecr.push("web", ImageSetup { digest: digest.clone(), tags, bytes: 1, age: Duration::ZERO });
    let input = json!({ "repositoryName": "web", "imageIds": [{ "imageTag": "main" }] });
    assert_eq!(describe(&mut ecr, input).unwrap()["imageDetails"][0]["imageDigest"], json!(digest));
}
