//! A machine of its own for each test: a home, a root for the machine's files, a state directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use ursa_adapters::hooks::plan::{AgentPlan, Format, Os, agent_plan};
use ursa_endpoint::args::Scope;
use ursa_endpoint::install::files::{Disk, OsDisk};
use ursa_endpoint::install::target::{Edge, Machine, Wishes, targets};
use ursa_endpoint::install::work::Work;
use ursa_endpoint::install::{InstallError, Outcome, Report};

pub(crate) struct World {
    /// Removed with the world.
    _folder: TempDir,
    pub(crate) machine: Machine,
    pub(crate) state: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Of a link to the folder for temporary files, too.
        let real = fs::canonicalize(folder.path()).unwrap();
        let home = real.join("home");
        fs::create_dir(&home).unwrap();
        let machine = Machine {
            os: Os::Linux,
            home,
            variables: BTreeMap::new(),
            root: real.join("root"),
            program: PathBuf::from("/opt/ursa/bin/ursa-endpoint"),
        };
        fs::create_dir(&machine.root).unwrap();
        Self { state: real.join("state"), _folder: folder, machine }
    }

    /// The file of that agent's hooks.
    pub(crate) fn file(&self, agent: &str, scope: Scope) -> PathBuf {
        targets(plan(agent), &self.machine, &wishes(scope)).unwrap().remove(0).path
    }

    /// Writes the file of that agent's hooks; `None` leaves it out.
    pub(crate) fn put(&self, agent: &str, bytes: Option<&[u8]>) -> PathBuf {
        let path = self.file(agent, Scope::User);
        if let Some(bytes) = bytes {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        path
    }

    pub(crate) fn work<'w>(&'w self, disk: &'w dyn Disk) -> Work<'w> {
        Work { machine: &self.machine, state: &self.state, disk, dry_run: false }
    }

    pub(crate) fn try_install(&self, agents: &[&str], wishes: &Wishes) -> Result<Report, InstallError> {
        self.work(&OsDisk).install(&plans(agents), wishes, false)
    }

    /// Installs; everything must go well.
    pub(crate) fn install(&self, agents: &[&str], wishes: &Wishes) -> Report {
        let report = self.try_install(agents, wishes).unwrap();
        assert!(!report.failed(), "{}", report.text());
        report
    }

    /// Uninstalls; everything must go well.
    pub(crate) fn uninstall(&self, agents: &[&str]) -> Report {
        let report = self.work(&OsDisk).uninstall(&plans(agents), Scope::User).unwrap();
        assert!(!report.failed(), "{}", report.text());
        report
    }

    /// All files and folders below the home, with the files' bytes.
    pub(crate) fn home(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        walk(&self.machine.home, &mut found);
        found
    }
}

fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = path.is_file().then(|| fs::read(&path).unwrap());
        if path.is_dir() && !path.is_symlink() {
            walk(&path, found);
        }
        found.insert(path, bytes);
    }
}

pub(crate) fn plan(agent: &str) -> &'static AgentPlan {
    agent_plan(agent).unwrap()
}

pub(crate) fn plans(agents: &[&str]) -> Vec<&'static AgentPlan> {
    agents.iter().map(|agent| plan(agent)).collect()
}

pub(crate) const ALL: &[&str] = &["claude-code", "cursor", "copilot-cli", "codex", "gemini-cli"];

/// Agents whose settings have that form.
pub(crate) fn agents_of(format: Format) -> Vec<&'static str> {
    ALL.iter().copied().filter(|agent| plan(agent).hooks.format == format).collect()
}

pub(crate) fn wishes(scope: Scope) -> Wishes {
    Wishes {
        scope,
        hooks: true,
        edge: None,
        replace: false,
        state_dir: None,
        versions: BTreeMap::new(),
        codex_login: None,
    }
}

pub(crate) fn with_edge(key: Option<&str>) -> Wishes {
    let edge = Edge { server: "https://ursa.example".to_owned(), key: key.map(str::to_owned) };
    Wishes { edge: Some(edge), ..wishes(Scope::User) }
}

pub(crate) fn outcomes(report: &Report) -> Vec<Outcome> {
    report.files.iter().map(|file| file.outcome).collect()
}
