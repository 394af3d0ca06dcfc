//! F27: a start, with the migrations that it makes, is killed at each of its steps.

use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::server::{ServerOptions, UrsaServer};

use crate::support::{Answer, Under, can_run, completions, conversation, is_long, request};

/// Calls that change what is on disk.
const CHANGES: &str = "write,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,unlink,mkdir";
/// A start makes fewer such calls than this.
const CALLS_LIMIT: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn f27_a_first_start_killed_at_each_step_leaves_what_the_next_start_opens() {
    if !can_run("strace", &["-D", "-f", "-qq", "-o/dev/null", "-e", "trace=fsync", "true"]) {
        return;
    }
    let upstream = RawUpstream::answering(Answer::new("msg_after", &["after"]).sized()).await.unwrap();
    let (mut killed, step) = (0, if is_long() { 1 } else { 47 });
    for n in (1..CALLS_LIMIT).step_by(step) {
        let dir = tempfile::tempdir().unwrap();
        let options = ServerOptions::for_upstream(&dir.path().join("data"), &upstream.base_url());
        let (trace, inject) = (format!("trace={CHANGES}"), format!("inject={CHANGES}:signal=KILL:when={n}"));
        let wrapper = ["strace", "-D", "-f", "-qq", "-o/dev/null", "-e", &trace, "-e", &inject];
        let started = UrsaServer::start_through(options.clone(), &wrapper).await;
        let survived = started.is_ok();
        if let Ok(mut server) = started {
            server.kill().await.unwrap();
        }
        killed += usize::from(!survived);
        let under = Under::with(options, dir).await;
        assert_eq!(under.exchange(request(&conversation(n), "hello")).await.0.status(), 200, "killed at call {n}");
        assert_eq!(completions(&under.session(&conversation(n)).await), "after", "killed at call {n}");
        if survived {
            println!("{killed} starts were killed; at call {n} the start was over");
            assert!(killed > 0);
            return;
        }
    }
    panic!("a start makes more than {CALLS_LIMIT} calls");
}
