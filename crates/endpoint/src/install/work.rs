//! Plans all, then writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use ursa_adapters::hooks::plan::{AgentPlan, Format, agent_plan};

use super::edit::{EditError, Over, Owned, OwnedValue, Text, Want};
use super::files::{self, Disk, FileError, Put, Readers};
use super::ledger::{Change, Entry, Ledger, hash};
use super::report::{FileReport, Note, Outcome, Report};
use super::target::{Edge, Machine, Target, Wishes, by_hand, targets};
use super::{InstallError, diff, trust};
use crate::args::Scope;

/// Where and how it is worked.
#[derive(Clone, Copy)]
pub struct Work<'w> {
    /// The machine.
    pub machine: &'w Machine,
    /// The state directory.
    pub state: &'w Path,
    /// What writes.
    pub disk: &'w dyn Disk,
    /// Nothing is written.
    pub dry_run: bool,
}

/// Why one file cannot be changed.
#[derive(Debug, thiserror::Error)]
enum PlanError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}. Nothing was changed")]
    Edit(#[from] EditError),
    #[error(transparent)]
    Install(#[from] InstallError),
}

/// What is to be done with one file.
struct Step {
    agent: &'static str,
    path: PathBuf,
    real: PathBuf,
    /// Bytes that are there; `None` if there is no file.
    now: Option<Vec<u8>>,
    /// Bytes without ours, as far as they are known.
    base: Option<Vec<u8>>,
    /// Bytes that shall be there; `None` if the file shall go.
    next: Option<Vec<u8>>,
    /// Folders to remove with the file.
    folders: Vec<PathBuf>,
    outcome: Outcome,
    readers: Readers,
    /// Its mode, if that is taken from others.
    mode: Option<u32>,
    /// Whether Codex's notes of trust are in it.
    trusted: bool,
}

impl Work<'_> {
    /// Installs for these agents.
    ///
    /// # Errors
    /// When the ledger cannot be used. What goes wrong with one file is in the report.
    pub fn install(
        &self,
        plans: &[&'static AgentPlan],
        wishes: &Wishes,
        trusted: bool,
    ) -> Result<Report, InstallError> {
        let mut ledger = Ledger::open(self.state)?;
        let mut report = Report { dry_run: self.dry_run, ..Report::default() };
        let mut steps = Vec::new();
        for plan in plans {
            match targets(plan, self.machine, wishes) {
                Ok(targets) => {
                    let mut is_trusted = trusted;
                    for target in targets {
                        let step = Self::planned(&target, wishes.scope, &ledger, trusted);
                        is_trusted |= step.as_ref().is_ok_and(|step| step.trusted);
                        report.notes.extend(step.as_ref().ok().and_then(|step| unread(plan, step)));
                        report.notes.extend(step.as_ref().ok().and_then(|step| switched_off(plan, step, wishes)));
                        report.notes.extend(step.as_ref().ok().and_then(|step| key_in(plan, step, wishes)));
                        report.notes.extend(twin(plan, &target.path, wishes));
                        steps.push((plan.slug, target.path.clone(), step));
                    }
                    note(plan, wishes, is_trusted, &mut report);
                }
                Err(error) => steps.push((plan.slug, PathBuf::new(), Err(PlanError::Install(error)))),
            }
        }
        let key = wishes.edge.as_ref().and_then(|edge| edge.key.as_deref());
        let Some(steps) = all_or_nothing(steps, &mut report) else { return Ok(report) };
        if !self.dry_run {
            for step in steps.iter().filter(|step| step.now != step.next) {
                if let Some(after) = &step.next {
                    let machine = wishes.scope == Scope::Machine;
                    let (before, agent, mode) = (step.base.as_deref(), step.agent, step.mode);
                    let change = Change { before, after, mode, agent, machine };
                    ledger.note(&step.real, &change, self.disk)?;
                }
            }
            ledger.save(self.disk)?;
        }
        let gone = self.apply(&steps, key, &mut report);
        if !self.dry_run && gone.iter().any(|file| ledger.entry(file).is_some()) {
            for file in &gone {
                ledger.forget(file);
            }
            ledger.save(self.disk)?;
        }
        Ok(report)
    }

    /// Uninstalls for these agents.
    ///
    /// # Errors
    /// When the ledger cannot be used. What goes wrong with one file is in the report.
    pub fn uninstall(&self, plans: &[&'static AgentPlan], scope: Scope) -> Result<Report, InstallError> {
        let mut ledger = Ledger::open(self.state)?;
        let mut report = Report { dry_run: self.dry_run, ..Report::default() };
        let mut steps = Vec::new();
        for target in self.installed(plans, scope, &ledger) {
            let step = Self::planned_removal(&target, &ledger);
            steps.push((target.plan.slug, target.path.clone(), step));
        }
        // What cannot be read any more stays; that is no reason to leave ours in the others.
        let (can, cannot): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(.., step)| step.is_ok());
        let can: Vec<Step> = can.into_iter().filter_map(|(.., step)| step.ok()).collect();
        self.apply(&can, None, &mut report);
        let failed = |report: &Report, step: &Step| {
            report.files.iter().any(|file| file.outcome == Outcome::Failed && file.path.as_ref() == Some(&step.path))
        };
        for step in can.iter().filter(|step| !failed(&report, step)) {
            ledger.forget(&step.real);
        }
        all_or_nothing(cannot, &mut report);
        if !self.dry_run {
            ledger.save(self.disk)?;
        }
        Ok(report)
    }

    /// All files that may hold something of ours: those of the plans, and those of the ledger.
    fn installed(&self, plans: &[&'static AgentPlan], scope: Scope, ledger: &Ledger) -> Vec<Target> {
        // A base URL of whatever kind shows which settings are ours.
        let wishes = Wishes {
            scope,
            hooks: false,
            edge: None,
            replace: false,
            state_dir: None,
            versions: std::collections::BTreeMap::new(),
            codex_login: None,
        };
        // An agent without a place for such a file has none.
        let mut found: Vec<Target> =
            plans.iter().filter_map(|plan| targets(plan, self.machine, &wishes).ok()).flatten().collect();
        let known: Vec<PathBuf> = found.iter().filter_map(|target| files::resolve(&target.path).ok()).collect();
        for (path, entry) in ledger.files() {
            let plan = agent_plan(&entry.agent).filter(|plan| plans.iter().any(|asked| asked.slug == plan.slug));
            let Some(plan) = plan.filter(|_| entry.machine == (scope == Scope::Machine) && !known.contains(path))
            else {
                continue;
            };
            let mut owned = Owned::default();
            for target in found.iter().filter(|target| target.plan.slug == plan.slug) {
                owned.values.extend(target.owned.values.clone());
            }
            let (path, format) = (path.clone(), plan.hooks.format);
            found.push(Target {
                plan,
                path,
                format,
                wants: Vec::new(),
                owned,
                own_file: plan.hooks.own_file,
                readers: Readers::Usual,
            });
        }
        found
    }

    fn planned(target: &Target, scope: Scope, ledger: &Ledger, trusted: bool) -> Result<Step, PlanError> {
        let real = files::resolve(&target.path)?;
        let now = files::read(&real)?;
        let entry = ledger.entry(&real);
        let codex = target.format == Format::Toml && scope == Scope::User;
        let (owned, was_trusted) = with_trust(target, codex, now.as_deref())?;
        let base = base(target.format, &owned, now.as_deref(), entry, ledger)?;
        let base_text = Text::new(base.as_deref().unwrap_or_default(), target.format)?;
        let mut wants = target.wants.clone();
        let mut next = base_text.with(&wants)?;
        if codex && (trusted || was_trusted) {
            let meaning = Text::new(next.as_bytes(), target.format)?.value()?;
            wants.extend(trust::notes(&target.path, &meaning).into_iter().map(|note| Want::Value {
                path: vec!["hooks".to_owned(), "state".to_owned(), note.key],
                value: json!({ "trusted_hash": note.hash }),
                over: Over::Replace,
            }));
            next = base_text.with(&wants)?;
        }
        let mut next = if base.is_none() && wants.is_empty() { None } else { Some(next.into_bytes()) };
        if let Some(bytes) = &now
            && is_met(bytes, target.format, &wants, &owned)?
        {
            // Someone may have moved or reformatted it; it is all there.
            next.clone_from(&now);
        }
        let outcome = match (&now, &next) {
            (now, next) if now == next => Outcome::Unchanged,
            (None, _) => Outcome::Created,
            (_, None) => Outcome::Removed,
            _ => Outcome::Changed,
        };
        if outcome != Outcome::Unchanged {
            files::check_writable(&real)?;
        }
        let folders = entry.map(|entry| entry.folders.clone()).unwrap_or_default();
        let (agent, path, trusted) = (target.plan.slug, target.path.clone(), trusted || was_trusted);
        let readers = readers(target.readers, entry, &real);
        let open = files::mode(&real).filter(|mode| files::for_its_owner(*mode) != *mode);
        let mode = open.filter(|_| readers == Readers::Owner);
        Ok(Step { agent, path, real, now, base, next, folders, outcome, readers, mode, trusted })
    }

    fn planned_removal(target: &Target, ledger: &Ledger) -> Result<Step, PlanError> {
        let real = files::resolve(&target.path)?;
        let now = files::read(&real)?;
        let entry = ledger.entry(&real);
        let codex = target.format == Format::Toml;
        let (owned, _) = with_trust(target, codex, now.as_deref())?;
        let base = base(target.format, &owned, now.as_deref(), entry, ledger)?;
        let is_whole = entry.is_some_and(|entry| now.as_deref().is_some_and(|now| entry.after.contains(&hash(now))));
        // A file of ours in which nothing is left.
        let made = entry.is_some_and(|entry| entry.before.is_none()) || entry.is_none() && target.own_file;
        let left = base.as_deref().map(|bytes| Text::new(bytes, target.format)?.value()).transpose()?;
        let blank = left.is_none_or(|left| left.is_null() || left.as_object().is_some_and(serde_json::Map::is_empty));
        let next = if made && blank && base != now { None } else { base.clone() };
        let outcome = match (&now, &next) {
            (now, next) if now == next => Outcome::Unchanged,
            (_, None) => Outcome::Removed,
            _ if is_whole => Outcome::Restored,
            _ => Outcome::TakenOut,
        };
        if outcome != Outcome::Unchanged {
            files::check_writable(&real)?;
        }
        let folders = entry.map(|entry| entry.folders.clone()).unwrap_or_default();
        let (agent, path) = (target.plan.slug, target.path.clone());
        let readers = readers(Readers::Usual, entry, &real);
        Ok(Step { agent, path, real, now, base, next, folders, outcome, readers, mode: None, trusted: false })
    }

    /// Does the steps, and answers which files are gone. What is not there and not wanted is not told.
    fn apply(&self, steps: &[Step], key: Option<&str>, report: &mut Report) -> Vec<PathBuf> {
        let mut gone = Vec::new();
        for step in steps.iter().filter(|step| step.now.is_some() || step.next.is_some()) {
            let told = self.applied(step, key);
            if step.next.is_none() && told.outcome != Outcome::Failed {
                gone.push(step.real.clone());
            }
            report.files.push(told);
        }
        gone
    }

    /// Does the step. What goes wrong is in the report.
    fn applied(&self, step: &Step, key: Option<&str>) -> FileReport {
        let mut told = FileReport {
            agent: step.agent,
            path: Some(step.path.clone()),
            outcome: step.outcome,
            error: None,
            diff: self.dry_run.then(|| changes(step, key)),
        };
        if self.dry_run || step.now == step.next {
            return told;
        }
        let done = match &step.next {
            Some(next) => self.disk.replace(&step.real, Put { now: step.now.as_deref(), next, readers: step.readers }),
            None => self.disk.remove(&step.real, step.now.as_deref().unwrap_or_default(), &step.folders),
        };
        if let Err(error) = done {
            told.outcome = Outcome::Failed;
            told.error = Some(error.to_string());
        }
        told
    }
}

/// The steps if all of them can be done; else the report says which cannot, and nothing is done.
fn all_or_nothing(
    steps: Vec<(&'static str, PathBuf, Result<Step, PlanError>)>,
    report: &mut Report,
) -> Option<Vec<Step>> {
    if steps.iter().all(|(.., step)| step.is_ok()) {
        return Some(steps.into_iter().filter_map(|(.., step)| step.ok()).collect());
    }
    for (agent, path, step) in steps {
        let path = (!path.as_os_str().is_empty()).then_some(path);
        let (outcome, error) = match step {
            Ok(step) if step.outcome == Outcome::Unchanged => (Outcome::Unchanged, None),
            Ok(_) => (Outcome::NotTried, None),
            Err(error) => (Outcome::Failed, Some(error.to_string())),
        };
        report.files.push(FileReport { agent, path, outcome, error, diff: None });
    }
    None
}

/// The bytes without ours: those of the ledger if nobody changed the file since, else what is left without ours.
fn base(
    format: Format,
    owned: &Owned,
    now: Option<&[u8]>,
    entry: Option<&Entry>,
    ledger: &Ledger,
) -> Result<Option<Vec<u8>>, EditError> {
    let Some(bytes) = now else { return Ok(None) };
    let before = entry.and_then(|entry| ledger.before(entry));
    if let Some(entry) = entry
        && entry.after.contains(&hash(bytes))
        && (before.is_some() || entry.before.is_none())
    {
        return Ok(before);
    }
    // A copy that cannot be read is no help.
    let before_text = before.as_deref().and_then(|before| Text::new(before, format).ok());
    let before_text = before_text.filter(|text| text.value().is_ok());
    Ok(Some(Text::new(bytes, format)?.without(owned, before_text.as_ref())?.into_bytes()))
}

/// Who may read the file: those who might before there was a key in it, once there is none any more.
fn readers(wanted: Readers, entry: Option<&Entry>, real: &Path) -> Readers {
    let before = entry.and_then(|entry| entry.mode).filter(|_| wanted == Readers::Usual);
    // Unless someone has set another mode since.
    let before = before.filter(|before| files::mode(real) == Some(files::for_its_owner(*before)));
    before.map_or(wanted, Readers::Mode)
}

/// What is ours with Codex's notes of trust for our hooks, and whether there are such notes.
fn with_trust(target: &Target, codex: bool, now: Option<&[u8]>) -> Result<(Owned, bool), EditError> {
    let mut owned = target.owned.clone();
    if !codex {
        return Ok((owned, false));
    }
    let meaning = Text::new(now.unwrap_or_default(), target.format)?.value()?;
    let state = meaning.get("hooks").and_then(|hooks| hooks.get("state"));
    let mut found = false;
    for note in trust::notes(&target.path, &meaning) {
        let kept = state.and_then(|state| state.get(&note.key)).and_then(|kept| kept.get("trusted_hash"));
        found |= kept.and_then(Value::as_str) == Some(&note.hash);
        owned.values.push(OwnedValue::Trust(vec!["hooks".to_owned(), "state".to_owned(), note.key], note.hash));
    }
    Ok((owned, found))
}

/// True if the file has all that is wanted and nothing else of ours.
fn is_met(bytes: &[u8], format: Format, wants: &[Want], owned: &Owned) -> Result<bool, EditError> {
    let text = Text::new(bytes, format)?;
    let meaning = text.value()?;
    Ok(Want::all_met(wants, &meaning) && owned.all_wanted(wants, &meaning))
}

/// A word on what in the file keeps the agent from reading it at all.
fn unread(plan: &'static AgentPlan, step: &Step) -> Option<Note> {
    let text = Text::new(step.next.as_deref()?, plan.hooks.format).ok()?;
    let found: Vec<_> = plan.hooks.unread.iter().filter(|what| text.has(**what)).map(ToString::to_string).collect();
    let (found, path) = (found.join(" and "), step.path.display());
    let text = format!(
        "{path} has {found}, for which {} passes over the whole file: no hook is called until they are gone",
        plan.name
    );
    (!found.is_empty()).then_some(Note { agent: plan.slug, text })
}

/// A word on a setting in the same file that keeps the agent from calling any hook.
fn switched_off(plan: &'static AgentPlan, step: &Step, wishes: &Wishes) -> Option<Note> {
    let meaning = Text::new(step.next.as_deref()?, plan.hooks.format).ok()?.value().ok()?;
    let (switch, path) = (plan.hooks.off, step.path.display());
    let (keys, off) = switch?;
    let is_off = keys.iter().try_fold(&meaning, |at, key| at.get(key)).and_then(Value::as_bool) == Some(off);
    let text = format!("{path} has {} = {off}: {} calls no hook while it has", keys.join("."), plan.name);
    (is_off && wishes.hooks).then_some(Note { agent: plan.slug, text })
}

/// A word on who can read the device's key that is in the file.
fn key_in(plan: &'static AgentPlan, step: &Step, wishes: &Wishes) -> Option<Note> {
    let key = wishes.edge.as_ref()?.key.as_ref()?;
    let holds = step.next.as_ref().is_some_and(|next| String::from_utf8_lossy(next).contains(key));
    let path = step.path.display();
    let text = match step.mode {
        _ if !holds => return None,
        _ if wishes.scope == Scope::Machine => {
            format!("every user of this machine can read the device's key in {path}")
        }
        Some(_) if step.now == step.next => {
            format!("{path} holds the device's key, and others may read it: chmod go= {path}")
        }
        Some(mode) => format!(
            "{path} holds the device's key now: others may no longer read it. Uninstall gives it back its mode, {mode:o}"
        ),
        None => return None,
    };
    Some(Note { agent: plan.slug, text })
}

/// A word on hooks that stand in another file, too.
fn twin(plan: &'static AgentPlan, path: &Path, wishes: &Wishes) -> Option<Note> {
    let other = path.with_file_name(plan.hooks.twin?);
    let (name, other, path) = (plan.name, other.exists().then_some(other)?, path.display());
    let text = format!(
        "hooks stand in {} and in {path}: {name} runs both, and says at every start that it should be one",
        other.display()
    );
    (wishes.scope == Scope::User && wishes.hooks).then_some(Note { agent: plan.slug, text })
}

fn note(plan: &'static AgentPlan, wishes: &Wishes, trusted: bool, report: &mut Report) {
    let mut add = |text: String| report.notes.push(Note { agent: plan.slug, text });
    let hooks = match wishes.scope {
        Scope::User => plan.user_note.filter(|_| !(trusted && plan.hooks.format == Format::Toml)),
        Scope::Machine => plan.machine_note,
    };
    if let Some(text) = hooks.filter(|_| wishes.hooks) {
        add(text.to_owned());
    }
    if let Some(text) = wishes.edge.as_ref().and_then(|edge: &Edge| by_hand(plan, edge)) {
        add(text);
    }
}

/// What a step changes, without the key.
fn changes(step: &Step, key: Option<&str>) -> String {
    let text = |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let diff = diff::unified(&step.path.display().to_string(), &text(&step.now), &text(&step.next));
    key.map_or(diff.clone(), |key| diff.replace(key, "KEY"))
}
