//! F1, F3, F4, F5: the disk and the process fail, under the real program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ursa_testkit::load::{Load, LoadOptions, SeenExchange};
use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;
use ursa_testkit::server::{ServerOptions, UrsaServer};
use ursa_testkit::upstream::{Upstream, UpstreamOptions};

use crate::support::{
    Answer, LIMIT, Under, can_run, conversation, gaps, is_long, is_optimised, percentile, prompts, request, scaled,
    skip,
};

/// How soon a server is ready after a kill, with a full journal.
const READY_WITHIN: Duration = Duration::from_secs(2);
/// How soon a refusal comes when the disk is full.
const REFUSED_WITHIN: Duration = Duration::from_millis(100);
/// What a build that is not optimised, on a busy machine, is given on top.
const DEBUG_ALLOWANCE: Duration = Duration::from_secs(3);

fn allowance() -> Duration {
    if is_optimised() { Duration::ZERO } else { DEBUG_ALLOWANCE }
}

/// Text that no compression shortens much.
fn noise(bytes: usize, seed: usize) -> String {
    let mut state = 0x9E37_79B9_u64.wrapping_add(seed as u64) | 1;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(text, "{state:016x}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_ready_soon_after_kill_9_with_a_large_journal() {
    let upstream = RawUpstream::answering(Answer::new("msg_large", &["ok"]).sized()).await.unwrap();
    let mut under = Under::start(&upstream.base_url(), "").await;
    let mebibytes = scaled(24, 1024);
    for number in 0..mebibytes / 8 {
        let (head, _) = under.exchange(request(&conversation(number), &noise(8 << 20, number))).await;
        assert_eq!(head.status(), 200);
    }
    // Some of it is not carried into the store yet, and one exchange is in the middle.
    let mut open = under.wire().await;
    open.send(&request(&conversation(9999), "cut")[..200]).await.unwrap();
    under.server.kill().await.unwrap();
    let journal: u64 = crate::support::files(&under.options.data_dir.join("journal"))
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    let begun = Instant::now();
    under.restart().await;
    let (status, _) = under.api.request(http::Method::GET, "/api/v1/stats", None).await.unwrap();
    let ready = begun.elapsed();
    println!("ready {ready:?} after a kill, with {} MiB of journal", journal >> 20);
    assert_eq!(status, 200);
    assert!(ready <= READY_WITHIN + allowance(), "ready after {ready:?}");
    assert!(journal >= (mebibytes as u64) << 20);
    let sessions = under.sessions().await;
    assert_eq!(sessions.len(), mebibytes / 8, "all is there, none twice");
}

/// What a load saw finished is in the store, once.
fn hold_against_the_store(seen: &[SeenExchange], sessions: &[ursa_testkit::api::StoredSession], what: &str) {
    let stored: Vec<&str> = sessions
        .iter()
        .flat_map(|session| session.of_kind("model_call"))
        .filter_map(|event| event["response_id"].as_str())
        .collect();
    for exchange in seen.iter().filter(|exchange| exchange.finished) {
        let id = exchange.response_id.as_deref().expect("a finished answer has an id");
        let times = stored.iter().filter(|stored| **stored == id).count();
        assert_eq!(times, 1, "{what}: {id} was seen finished");
    }
}

const STRACE: [&str; 5] = ["strace", "-D", "-f", "-qq", "-o/dev/null"];

fn can_trace() -> bool {
    can_run("strace", &["-D", "-f", "-qq", "-o/dev/null", "-e", "trace=fsync", "true"])
}

/// One run in which the n-th sync of each thread fails: of every file, or of the journal's first segment alone. Tells how
/// many exchanges were refused for it.
async fn fail_sync(upstream: &Upstream, n: usize, of_journal: bool) -> usize {
    let what = format!("sync {n} of {}", if of_journal { "the journal" } else { "each thread" });
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
    options.config = Some("[edge]\ndurability = \"strict\"\n".to_owned());
    let inject = format!("inject=fdatasync,fsync:error=EIO:when={n}");
    let segment = options.data_dir.join("journal/seg-0000000000000001.ujl").display().to_string();
    let mut wrapper = [&STRACE[..], &["-e", "trace=fdatasync,fsync", "-e", &inject]].concat();
    if of_journal {
        wrapper.extend(["-P", &segment]);
    }
    let (mut seen, mut refused) = (Vec::new(), 0);
    match UrsaServer::start_through(options.clone(), &wrapper).await {
        Err(error) => println!("{what}: the start fails and says so: {}", first_error(&error)),
        Ok(mut server) => {
            let load = Load::start(&LoadOptions::new(server.edge("anthropic"), 4, 6));
            seen = load.join().await.unwrap();
            refused = seen.iter().filter(|exchange| exchange.status == Some(503)).count();
            println!("{what}: {} exchanges seen, {refused} refused", seen.len());
            if refused > 0 {
                stays_refused(&server).await;
            }
            server.kill().await.unwrap();
        }
    }
    let under = Under::with(options, dir).await;
    hold_against_the_store(&seen, &under.sessions().await, &what);
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn f03_a_failed_sync_ends_acknowledging_and_the_acknowledged_set_survives() {
    if !can_trace() {
        return;
    }
    let upstream = Upstream::start(UpstreamOptions::default()).await.unwrap();
    let mut refusing = 0;
    for n in if is_long() { (1..=60).collect::<Vec<_>>() } else { vec![2, 3, 15] } {
        refusing += usize::from(fail_sync(&upstream, n, true).await > 0);
    }
    assert!(refusing > 0, "the journal's syncs were hit");
    for n in if is_long() { (1..=60).collect::<Vec<_>>() } else { vec![1, 9, 40] } {
        fail_sync(&upstream, n, false).await;
    }
}

fn first_error(error: &anyhow::Error) -> String {
    error.to_string().lines().filter(|line| line.contains("rror")).take(1).collect()
}

/// A journal that failed takes nothing any more: each request is refused, at once.
async fn stays_refused(server: &UrsaServer) {
    for number in 0..5 {
        let begun = Instant::now();
        let mut wire = Wire::connect(server.address().unwrap()).await.unwrap();
        let (head, _) = wire.exchange(request(&conversation(number), "refused?")).await.unwrap();
        assert_eq!((head.status(), head.get("x-ursa-error")), (503, Some("journal_failed")));
        assert!(begun.elapsed() <= Duration::from_secs(1), "refused after {:?}", begun.elapsed());
    }
}

/// A small disk of its own; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, and a word about it, where mounting is not permitted.
    fn mount(at: &Path, mebibytes: usize) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                skip(&format!("no disk can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                skip(&format!("no disk can be mounted: {error}"));
                None
            }
        }
    }

    /// Takes all the space that is left. May be called again: databases give some back now and then.
    fn fill(&self) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        let block = vec![1; 64 * 1024];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// An upstream that answers each request, and how many there were.
async fn counting_upstream() -> (RawUpstream, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let script = move |number, mut wire: Wire| {
        let count = Arc::clone(&counted);
        async move {
            while let Ok(Some(head)) = wire.head().await {
                let nth = count.fetch_add(1, Ordering::Relaxed);
                wire.body(&head).await.unwrap();
                let answer = Answer::new(&format!("msg_disk_{number}_{nth}"), &["answered"]);
                if wire.send(answer.sized()).await.is_err() {
                    return;
                }
            }
        }
    };
    (RawUpstream::start(script).await.unwrap(), count)
}

async fn on_a_small_disk(disk: &SmallDisk, dir: tempfile::TempDir, upstream: &RawUpstream, config: &str) -> Under {
    let mut options = ServerOptions::for_upstream(&disk.0.join("data"), &upstream.base_url());
    options.config = Some(config.to_owned());
    Under::with(options, dir).await
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_full_disk_refuses_in_strict_and_goes_on_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&dir.path().join("disk"), 64) else { return };
    let (upstream, reached) = counting_upstream().await;
    let under = on_a_small_disk(&disk, dir, &upstream, "[edge]\ndurability = \"strict\"\n").await;
    let mut acknowledged = Vec::new();
    let mut send = async |number: usize, bytes: usize| {
        let begun = Instant::now();
        let text = format!("number {number} {}", noise(bytes, number));
        let (head, _) = under.exchange(request(&conversation(number), &text)).await;
        if head.status() == 200 {
            acknowledged.push(number);
        }
        (head, begun.elapsed())
    };
    for number in 0..5 {
        assert_eq!(send(number, 100).await.0.status(), 200);
    }
    under.settled().await;
    disk.fill();
    // The segments that were made ahead take some more.
    let mut number = 5;
    while send(number, 512 * 1024).await.0.status() == 200 {
        number += 1;
        assert!(number < 200, "the disk does not get full");
    }
    let mut waits = Vec::new();
    for number in number + 1..number + 41 {
        disk.fill();
        let before = reached.load(Ordering::Relaxed);
        let (head, after) = send(number, 512 * 1024).await;
        assert_eq!((head.status(), head.get("x-ursa-error")), (503, Some("journal_full")));
        assert_eq!(head.get("retry-after"), Some("1"));
        assert_eq!(reached.load(Ordering::Relaxed), before, "what is refused is not sent");
        waits.push(after);
    }
    let slowest = percentile(&mut waits, 100);
    println!("full after {number} requests; refused after {slowest:?} at most");
    assert!(slowest <= REFUSED_WITHIN + allowance(), "refused after {slowest:?}");
    let existing = under.api.get_all("/api/v1/sessions").await.unwrap();
    assert!(existing.len() >= 5, "what is recorded is readable while the disk is full");
    assert_eq!(under.counter("journal.failed").await, 0, "a full disk is no broken one");

    disk.empty();
    let until = Instant::now() + LIMIT;
    while send(500, 100).await.0.status() != 200 {
        assert!(Instant::now() < until, "it takes work again once there is space");
    }
    let sessions = under.sessions().await;
    for number in acknowledged {
        let session = sessions.iter().find(|session| session.conversation_id() == conversation(number));
        let session = session.unwrap_or_else(|| panic!("{number} was answered, and is lost"));
        assert!(prompts(session).iter().any(|text| text.starts_with(&format!("number {number} "))), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_full_disk_stops_no_traffic_in_behind_and_what_is_missing_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&dir.path().join("disk"), 64) else { return };
    let (upstream, reached) = counting_upstream().await;
    let under = on_a_small_disk(&disk, dir, &upstream, "").await;
    let send = async |number: usize, bytes: usize| {
        let text = format!("number {number} {}", noise(bytes, number));
        let (head, _) = under.exchange(request(&conversation(number), &text)).await;
        assert_eq!(head.status(), 200, "the agent never notices");
    };
    send(0, 100).await;
    under.settled().await;
    disk.fill();
    const SENT: usize = 80;
    for number in 1..=SENT {
        send(number, 512 * 1024).await;
    }
    under.wait_counter("journal.dropped_disk_full", 1).await;
    assert_eq!(reached.load(Ordering::Relaxed), SENT + 1);
    disk.empty();
    // The first that is recorded whole again.
    let until = Instant::now() + LIMIT;
    let mut last = 1000;
    let sessions = loop {
        send(last, 100).await;
        let sessions = under.sessions().await;
        let whole = |session: &ursa_testkit::api::StoredSession| session.session["completeness"]["complete"] == true;
        if sessions.iter().any(|session| session.conversation_id() == conversation(last) && whole(session)) {
            break sessions;
        }
        assert!(Instant::now() < until, "it records again once there is space");
        last += 1;
    };
    let of_trouble = (1..=SENT).map(conversation).collect::<Vec<_>>();
    let recorded: Vec<_> =
        sessions.iter().filter(|session| of_trouble.iter().any(|id| session.conversation_id() == id)).collect();
    let halves = recorded.iter().filter(|session| session.session["completeness"]["complete"] == false).count();
    let dropped = under.counter("journal.dropped_disk_full").await;
    let missing = SENT - recorded.len();
    println!("of {SENT}, {missing} are missing, {halves} are there in part; {dropped} frames were dropped");
    assert!(dropped >= (missing + halves) as u64, "nothing is missing uncounted");
    assert!(missing + halves > 0);
    for session in recorded {
        let whole = session.session["completeness"]["complete"] == true;
        let text = prompts(session).concat();
        assert!(whole == gaps(session).is_empty() && (!whole || text.len() > 512 * 1024), "{:?}", gaps(session));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_disk_that_hangs_does_not_delay_the_agent() {
    if !can_trace() {
        return;
    }
    let (upstream, _) = counting_upstream().await;
    let dir = tempfile::tempdir().unwrap();
    let options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
    // Every sync from the hundredth of a thread on takes a second: the journal and the store hang, the edge does not.
    let inject = "inject=fdatasync,fsync:delay_enter=1000000:when=30+";
    let wrapper = [&STRACE[..], &["-e", "trace=fdatasync,fsync", "-e", inject]].concat();
    let mut under = Under::wrapped(options, dir, &wrapper).await;
    let mut wire = under.wire().await;
    let mut latencies = Vec::new();
    let begun = Instant::now();
    // Long enough that most of it falls into the time when the disk hangs.
    let mut number = 0;
    while begun.elapsed() < Duration::from_secs(6) {
        let sent = Instant::now();
        let (head, _) = wire.exchange(request(&conversation(number % 50), &format!("number {number}"))).await.unwrap();
        assert_eq!(head.status(), 200);
        latencies.push(sent.elapsed());
        number += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let slowest_commit = under.counter("journal.slowest_commit_micros").await;
    let (p50, p99) = (percentile(&mut latencies, 50), percentile(&mut latencies, 99));
    println!("{number} exchanges, p50 {p50:?}, p99 {p99:?}; the slowest commit took {slowest_commit} µs");
    assert!(slowest_commit >= 900_000, "the disk did hang");
    assert!(p99 <= Duration::from_millis(300), "p99 {p99:?} while commits take a second");
    under.server.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_disk_that_hangs_is_waited_for_so_long_in_strict_and_no_longer() {
    /// How long the server waits for its disk.
    const WAIT: Duration = Duration::from_secs(5);
    /// One sync takes so long.
    const HANG: Duration = Duration::from_secs(12);
    if !can_trace() {
        return;
    }
    let (upstream, reached) = counting_upstream().await;
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
    options.config = Some("[edge]\ndurability = \"strict\"\n".to_owned());
    let segment = options.data_dir.join("journal/seg-0000000000000001.ujl").display().to_string();
    let inject = format!("inject=fdatasync:delay_enter={}:when=12", HANG.as_micros());
    let wrapper = [&STRACE[..], &["-e", "trace=fdatasync", "-e", &inject, "-P", &segment]].concat();
    let under = Under::wrapped(options, dir, &wrapper).await;
    let send = async |number: usize| {
        let begun = Instant::now();
        let (head, _) = under.exchange(request(&conversation(number), &format!("number {number}"))).await;
        (head.status(), head.get("x-ursa-error").map(str::to_owned), begun.elapsed())
    };
    // Before the upstream is asked, and before an answer is whole, the disk is asked: only the first may tell a status.
    let mut number = 0;
    let (first, hanging) = loop {
        let begun = Instant::now();
        let mut wire = under.wire().await;
        wire.send(request(&conversation(number), &format!("number {number}"))).await.unwrap();
        let head = wire.head().await;
        let status = head.ok().flatten().map(|head| head.status());
        if begun.elapsed() >= WAIT {
            break (status, begun);
        }
        number += 1;
        assert!(number < 100, "the disk did not hang");
    };
    println!("request {number} was told {first:?} after {:?}", hanging.elapsed());
    assert!(hanging.elapsed() <= WAIT + Duration::from_secs(1) + allowance(), "{:?}", hanging.elapsed());
    let before = reached.load(Ordering::Relaxed);
    let mut waits = Vec::new();
    while hanging.elapsed() + Duration::from_secs(2) < HANG && waits.len() < 20 {
        let (status, error, after) = send(number + 1 + waits.len()).await;
        assert_eq!((status, error.as_deref()), (503, Some("journal_full")));
        waits.push(after);
    }
    assert!(!waits.is_empty() && reached.load(Ordering::Relaxed) == before, "what is refused is not sent");
    let slowest = percentile(&mut waits, 100);
    println!("{} more were refused after {slowest:?} at most", waits.len());
    assert!(slowest <= REFUSED_WITHIN + allowance(), "refused after {slowest:?}");
    let until = Instant::now() + LIMIT;
    while send(500).await.0 != 200 {
        assert!(Instant::now() < until, "it takes work again once the disk does");
    }
    let session = under.session(&conversation(500)).await;
    assert_eq!(session.session["completeness"]["complete"], true);
}
