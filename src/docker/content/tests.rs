use std::fs;
use std::path::Path;

use super::*;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("app/src")).unwrap();
    fs::write(folder.path().join("app/Dockerfile"), "FROM scratch\nCOPY . /\n").unwrap();
    fs::write(folder.path().join("app/src/main"), "one").unwrap();
    folder
}

fn source(root: &Path) -> Source {
    Source {
        root: root.to_owned(),
        context: root.join("app"),
        dockerfile: "Dockerfile".into(),
        settings: vec![("platform".into(), "linux/amd64".into())],
        limit: 1 << 20,
    }
}

fn tag(source: &Source) -> String {
    content(source).unwrap().tag
}

#[test]
fn the_tag_follows_what_a_dockerfile_can_see() {
    let (one, other) = (project(), project());
    let before = tag(&source(one.path()));
    assert_eq!(before, tag(&source(other.path())), "the place does not count");
    assert_eq!(before.len(), 43);

    let file = one.path().join("app/src/main");
    fs::write(&file, "two").unwrap();
    let changed = tag(&source(one.path()));
    assert_ne!(before, changed, "bytes count");
    fs::write(&file, "one").unwrap();
    assert_eq!(before, tag(&source(one.path())), "time stamps do not count");

    let mut settings = source(one.path());
    settings.settings.push(("arg:A".into(), "1".into()));
    assert_ne!(before, tag(&settings), "arguments count");

    fs::write(one.path().join("app/new"), "").unwrap();
    assert_ne!(before, tag(&source(one.path())), "names count");
    fs::write(one.path().join("app/.dockerignore"), "new\n.dockerignore\n").unwrap();
    assert_eq!(before, tag(&source(one.path())), "what is ignored does not count");
}

#[cfg(unix)]
#[test]
fn permissions_count() {
    use std::os::unix::fs::PermissionsExt;
    let folder = project();
    let before = tag(&source(folder.path()));
    let file = folder.path().join("app/src/main");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    assert_ne!(before, tag(&source(folder.path())));
}

#[test]
fn the_ignore_file_beside_the_dockerfile_wins() {
    let folder = project();
    fs::write(folder.path().join("app/.dockerignore"), "src\n").unwrap();
    assert!(!content(&source(folder.path())).unwrap().files.contains(&"src/main".to_owned()));
    fs::write(folder.path().join("app/Dockerfile.dockerignore"), "nothing\n").unwrap();
    assert!(content(&source(folder.path())).unwrap().files.contains(&"src/main".to_owned()));
}

#[test]
fn a_large_context_is_refused_before_it_is_read() {
    let folder = project();
    let sparse = fs::File::create(folder.path().join("app/huge.img")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    let error = content(&source(folder.path())).unwrap_err();
    assert!(error.to_string().contains("more than 1 MiB"), "{error}");
    assert!(error.hints()[0].contains("huge.img (10240 MiB)"), "{:?}", error.hints());
}

#[cfg(unix)]
#[test]
fn what_leads_out_is_refused() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (project(), project());
    let mut escaped = source(folder.path());
    escaped.context = outside.path().join("app");
    assert!(content(&escaped).unwrap_err().to_string().contains("outside the repository"));

    symlink(outside.path().join("app"), folder.path().join("linked")).unwrap();
    escaped.context = folder.path().join("linked");
    assert!(content(&escaped).unwrap_err().to_string().contains("outside the repository"));

    let link = folder.path().join("app/src/link");
    symlink("../Dockerfile", &link).unwrap();
    assert!(content(&source(folder.path())).is_ok(), "a link within is content");
    fs::remove_file(&link).unwrap();
    symlink("../../secret", &link).unwrap();
    let error = content(&source(folder.path())).unwrap_err();
    assert!(error.to_string().contains("src/link leads out of the build context"), "{error}");
    fs::write(folder.path().join("app/.dockerignore"), "src/link").unwrap();
    assert!(content(&source(folder.path())).is_ok(), "unless it is ignored");
}

#[test]
fn a_missing_dockerfile_and_context_are_named() {
    let folder = project();
    let mut missing = source(folder.path());
    missing.dockerfile = "Dockerfile.prod".into();
    let error = content(&missing).unwrap_err();
    assert!(error.to_string().contains("no Dockerfile"), "{error}");
    missing.context = folder.path().join("gone");
    assert!(content(&missing).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn base_images_without_a_digest_are_found() {
    let folder = project();
    fs::write(
        folder.path().join("app/Dockerfile"),
        "ARG EPOCH SOURCE_DATE_EPOCH=1\nFROM --platform=linux/amd64 rust:1 AS build\nfrom build as next\nFROM a@sha256:0\nFROM scratch\n",
    )
    .unwrap();
    let content = content(&source(folder.path())).unwrap();
    assert_eq!(content.unpinned(), ["rust:1"]);
    assert!(content.declares("SOURCE_DATE_EPOCH") && !content.declares("OTHER"));
}
