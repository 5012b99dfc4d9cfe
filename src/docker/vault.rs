//! The private, temporary `DOCKER_CONFIG` that holds a registry's token for as long as a push takes.
//!
//! The directory is ours alone (0700), its file too (0600). It is removed when the value is dropped. A
//! run that was killed cannot do that; so each directory holds a file that its run keeps locked, the
//! kernel lets go of the lock however the run ends, and the next run removes what nobody holds.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::secret::Secret;
use crate::error::Error;

/// What names of the directories begin with.
const PREFIX: &str = "ha-deploy-docker-";
const LOCK: &str = "lock";
const CONFIG: &str = "config.json";

/// A directory that `DOCKER_CONFIG` can point to.
#[derive(Debug)]
pub struct Vault {
    folder: PathBuf,
    /// What must not be shown: the token, and how the file has it.
    secrets: Vec<Secret>,
    /// Held locked while this lives.
    _lock: File,
}

impl Vault {
    /// Makes the directory and writes the credentials of one registry, after removing what runs that
    /// were killed left behind.
    pub fn open(
        vars: &BTreeMap<String, String>,
        registry: &str,
        user: &str,
        password: &Secret,
    ) -> Result<Self, Error> {
        let parent = parent(vars);
        sweep(&parent);
        let failed = |error: std::io::Error| {
            Error::invalid(format!("no private directory can be made in {}", parent.display()))
                .caused_by(error)
                .hint("Set TMPDIR to a directory that this user can write to.")
        };
        // A name that is taken means somebody made it before: another one is tried.
        let mut tries = 0;
        let folder = loop {
            let folder = parent.join(format!("{PREFIX}{:032x}", fastrand::u128(..)));
            match make_folder(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && tries < 10 => {
                    tries += 1;
                }
                Err(error) => return Err(failed(error)),
            }
        };
        let lock = make_file(&folder.join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let auth = aws_smithy_types::base64::encode(format!("{user}:{}", password.reveal()));
        let secrets = vec![password.clone(), Secret::new(auth.clone())];
        let vault = Self { folder, secrets, _lock: lock };
        vault.write(registry, &auth).map_err(failed)?;
        Ok(vault)
    }

    /// Removes what runs that were killed left behind.
    pub fn sweep(vars: &BTreeMap<String, String>) {
        sweep(&parent(vars));
    }

    fn write(&self, registry: &str, auth: &str) -> std::io::Result<()> {
        let document = serde_json::json!({ "auths": { registry: { "auth": auth } } });
        make_file(&self.folder.join(CONFIG))?.write_all(document.to_string().as_bytes())
    }

    /// The directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        // The credentials first, should the rest fail.
        let _ = fs::remove_file(self.folder.join(CONFIG));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where the directories are made: a runner's own temporary directory is emptied after the job.
fn parent(vars: &BTreeMap<String, String>) -> PathBuf {
    let set =
        ["RUNNER_TEMP", "XDG_RUNTIME_DIR", "TMPDIR"].into_iter().filter_map(|name| vars.get(name));
    let usable = set.map(PathBuf::from).find(|path| path.is_absolute() && path.is_dir());
    usable.unwrap_or_else(std::env::temp_dir)
}

/// Removes directories whose lock nobody holds. Failures are left for the next run.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        // `file_type` does not follow links, so nobody can point us elsewhere.
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let folder = entry.path();
        // One without credentials is being made right now, or holds nothing worth a risk.
        if !folder.join(CONFIG).exists() {
            continue;
        }
        let free = File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if free {
            let _ = fs::remove_file(folder.join(CONFIG));
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[cfg(unix)]
fn make_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_folder(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().create(path)
}

fn make_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn vars(folder: &Path) -> BTreeMap<String, String> {
        BTreeMap::from([("TMPDIR".to_owned(), folder.display().to_string())])
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn it_is_ours_alone_and_goes_with_its_value() {
        let place = tempfile::tempdir().unwrap();
        let vault =
            Vault::open(&vars(place.path()), "r.example", "AWS", &Secret::new("token")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(vault.folder()), 0o700);
        assert_eq!(mode(&vault.folder().join(CONFIG)), 0o600);
        let text = fs::read_to_string(vault.folder().join(CONFIG)).unwrap();
        assert_eq!(text, r#"{"auths":{"r.example":{"auth":"QVdTOnRva2Vu"}}}"#);
        drop(vault);
        assert_eq!(names(place.path()), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_lives_is_not() {
        let place = tempfile::tempdir().unwrap();
        let vars = vars(place.path());
        let alive = Vault::open(&vars, "r", "AWS", &Secret::new("alive")).unwrap();
        let dead = Vault::open(&vars, "r", "AWS", &Secret::new("dead")).unwrap();
        let left = dead.folder().to_owned();
        // As after SIGKILL: the lock is gone, the files are not.
        let (config, lock) = (left.join(CONFIG), left.join(LOCK));
        drop(dead);
        make_folder(&left).unwrap();
        fs::write(config, "{}").unwrap();
        fs::write(lock, "").unwrap();
        Vault::sweep(&vars);
        assert!(!left.exists());
        assert!(alive.folder().join(CONFIG).exists());
    }

    #[test]
    fn a_link_with_our_name_is_not_followed() {
        let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join(CONFIG), "{}").unwrap();
        fs::write(other.path().join(LOCK), "").unwrap();
        let link = place.path().join(format!("{PREFIX}x"));
        std::os::unix::fs::symlink(other.path(), link).unwrap();
        Vault::sweep(&vars(place.path()));
        assert!(other.path().join(CONFIG).exists());
    }
}
