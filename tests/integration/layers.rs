//! The house's table of imports, kept by reading the source.
//!
//! `docs/ARCHITECTURE.md` explains the table; this is the copy that decides.

mod scan;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use scan::{Edge, edges};

/// What each room may import; a path allows itself and everything below it. A room may always
/// import itself. `error` and `clock` are foundations of every room that can fail or wait.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("error", &["domain"]),
    ("clock", &["domain"]),
    ("config", &["domain", "error", "catalog"]),
    ("catalog", &["domain"]),
    ("gate", &["domain"]),
    ("plan", &["domain", "config::model", "catalog", "gate"]),
    ("aws", &["domain", "clock", "error"]),
    ("docker", &["domain", "clock", "error"]),
    ("github", &["domain", "clock", "error"]),
    ("actions", &["domain", "clock", "error"]),
    ("observe", &["domain", "aws", "docker", "github", "actions"]),
    (
        "pipeline",
        &[
            "domain", "clock", "error", "plan", "catalog", "gate", "aws", "docker", "github",
            "actions",
        ],
    ),
    ("report", &["domain", "error", "gate", "plan", "pipeline::event", "config::diagnostic"]),
    ("rehearsal", &["domain", "clock"]),
    ("host", &["domain", "clock", "error", "aws", "docker", "github", "actions"]),
    ("cli", EVERYTHING),
    ("commands", EVERYTHING),
];

/// All rooms but the rehearsal, which only `commands::rehearse` may import.
const EVERYTHING: &[&str] = &[
    "domain", "error", "clock", "config", "catalog", "gate", "plan", "aws", "docker", "github",
    "actions", "observe", "pipeline", "report", "host", "cli", "commands",
];

/// The one module outside `rehearsal` that may import it.
const REHEARSER: &str = "commands::rehearse";

/// Lines after which a file must be split; a warning comes earlier.
const LONGEST: usize = 500;
const LONG: usize = 400;

/// Whether the table allows an edge.
fn allowed(edge: &Edge) -> bool {
    let room = edge.from.split("::").next().unwrap_or_default();
    let to_room = edge.to.split("::").next().unwrap_or_default();
    if room == to_room {
        return true;
    }
    if to_room == "rehearsal" {
        return within(&edge.from, REHEARSER);
    }
    let row = TABLE.iter().find(|(name, _)| *name == room);
    row.is_some_and(|(_, targets)| targets.iter().any(|target| within(&edge.to, target)))
}

/// Whether a path is another or lies below it.
fn within(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Edges of a file that the table forbids, in words.
fn forbidden(module: &str, text: &str) -> Vec<String> {
    let rooms: Vec<&str> = TABLE.iter().map(|(room, _)| *room).collect();
    edges(module, text, &rooms)
        .into_iter()
        .filter(|edge| !allowed(edge))
        .map(|edge| format!("{} imports {}", edge.from, edge.to))
        .collect()
}

/// Every Rust file below `src`, sorted.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![source_root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// `src/report/comment/parts.rs` -> `report::comment::parts`; `mod.rs` names its folder.
fn module(file: &Path) -> String {
    let relative = file.strip_prefix(source_root()).unwrap().with_extension("");
    let names = relative.iter().map(|name| name.to_str().unwrap()).filter(|name| *name != "mod");
    names.collect::<Vec<_>>().join("::")
}

#[test]
fn no_edge_is_forbidden() {
    let files = sources();
    let mut seen = 0;
    let mut faults = Vec::new();
    for file in &files {
        let (module, text) = (module(file), fs::read_to_string(file).unwrap());
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let room = module.split("::").next().unwrap();
        if !TABLE.iter().any(|(name, _)| *name == room) {
            faults.push(format!("{module}: a room that the table does not know"));
        }
        let rooms: Vec<&str> = TABLE.iter().map(|(room, _)| *room).collect();
        seen += edges(&module, &text, &rooms).len();
        faults.extend(forbidden(&module, &text));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // Guards against a scanner that finds nothing.
    assert!(seen > 10, "only {seen} edges in {} files", files.len());
}

#[test]
fn planted_edges_are_found() {
    for (module, text) in [
        ("domain::x", "use crate::error::Error;"),
        ("gate", "fn f() -> crate::config::model::Model { todo() }"),
        ("plan::x", "use crate::{domain::Weight, aws};"),
        ("plan::x", "use crate::config::{model::{Model, Service}, raw::Raw};"),
        ("plan::x", "use crate::{\n    domain::{A, B},\n    config::{self, model},\n};"),
        ("report::json", "use crate::pipeline::steps;"),
        ("report::json", "use crate :: pipeline :: *;"),
        ("report::json", "pub use crate::observe as o;"),
        ("report::comment::parts", "use super::super::super::aws::Gateway;"),
        ("rehearsal::world", "use crate::aws::fault;"),
        ("rehearsal::world", "type T = Vec<crate::report::Run>;"),
        ("commands::deploy", "use crate::rehearsal::world::World;"),
        ("pipeline::steps", "let x = \"//\"; use crate::rehearsal::call;"),
        ("pipeline::steps", "let x = '\"'; use crate::report::json; let y = '\"';"),
        ("pipeline::steps", "let x = r#\"\"\"#; use crate::report::json;"),
        ("pipeline::steps", "/* /* */ */ use crate::report::json;"),
    ] {
        assert_eq!(forbidden(module, text).len(), 1, "{module}: {text}");
    }
}

#[test]
fn allowed_edges_and_mere_words_are_not_found() {
    for (module, text) in [
        ("commands::rehearse", "use crate::rehearsal::world::World;"),
        ("commands::rehearse::all", "use crate::rehearsal;"),
        ("plan::x", "use crate::config::model::{Model, Service};"),
        ("report::json", "use crate::pipeline::event::{Event, EventKind};"),
        ("domain::x", "pub(crate) fn f() {} // use crate::aws"),
        ("domain::x", "/// See `crate::aws`.\nconst A: &str = \"crate::aws::x\";"),
        ("domain::x", "const A: &str = r##\"\"# crate::aws\"##; fn f<'a>(x: &'a str) {}"),
        ("domain::x", "/* crate::aws /* crate::report */ crate::plan */"),
        ("report::comment::parts", "use super::super::text; use super::layout::Part;"),
    ] {
        assert_eq!(forbidden(module, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_documented_table_is_this_one() {
    let document = include_str!("../../docs/ARCHITECTURE.md");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let exists = |name: &str| {
        let room = source_root().join(name.split("::").next().unwrap_or_default());
        room.is_dir() || room.with_extension("rs").is_file()
    };
    let mut documented = BTreeSet::new();
    for line in document.lines() {
        let cells: Vec<&str> = line.split('|').collect();
        let [_, rooms, _, imports, _] = cells.as_slice() else { continue };
        for room in names(rooms) {
            let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == room) else {
                panic!("{room} is no room");
            };
            if *allowed != EVERYTHING {
                let real: BTreeSet<String> =
                    allowed.iter().filter(|name| exists(name)).map(|n| (*n).to_owned()).collect();
                assert_eq!(names(imports), real, "{room}");
            }
            documented.insert(room);
        }
    }
    let real: BTreeSet<String> =
        TABLE.iter().map(|(room, _)| (*room).to_owned()).filter(|room| exists(room)).collect();
    assert_eq!(documented, real);
}

#[test]
#[expect(clippy::print_stderr, reason = "a warning that cargo shows with --nocapture")]
fn files_stay_short_and_well_named() {
    let mut faults = Vec::new();
    for file in sources() {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        let module = module(&file);
        let limit = if module == "main" { 40 } else { LONGEST };
        if lines > limit {
            faults.push(format!("{module} has {lines} lines; split it by responsibility"));
        } else if lines > LONG {
            eprintln!("{module} has {lines} lines; the house says about {LONG}");
        }
        let vague = ["utils", "util", "helpers", "helper", "common", "misc"];
        if module.split("::").any(|name| vague.contains(&name)) {
            faults.push(format!("{module}: a name that says nothing"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
