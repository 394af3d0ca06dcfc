//! Builds `web/ui` with Node and writes `files.rs`: every file of it, as bytes, plain and by gzip.
//!
//! Why here and not a built copy in the repository: a bundle that nobody can review does not belong into the history of
//! a program that people must trust, and two changes of the UI would always conflict in it. The lock file pins every
//! package by hash, and install scripts do not run.

// A build script speaks by printing and fails by its exit code.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T> = std::result::Result<T, String>;

/// What the built desk follows from, in `web/ui`.
const SOURCES: [&str; 6] = ["src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts"];
const WITHOUT_NODE: &str =
    "the desk is built with Node 20.19 or newer: install it, or set URSA_DESK_DIST to the folder of a built desk";
/// Below this, compressing saves nothing.
const GZIP_BYTES_MIN: usize = 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    println!("cargo:rerun-if-env-changed=URSA_DESK_DIST");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let dist = match std::env::var_os("URSA_DESK_DIST") {
        Some(dist) => {
            let dist = PathBuf::from(dist);
            println!("cargo:rerun-if-changed={}", dist.display());
            dist
        }
        None => build(&out)?,
    };
    let mut files = Vec::new();
    list(&dist, &dist, &mut files)?;
    if !files.iter().any(|(path, _)| path == "/index.html") {
        return Err(format!("{} holds no index.html: it is no built desk", dist.display()));
    }
    embed(&out, &files)
}

/// Builds the desk into `out` and answers where it is.
fn build(out: &Path) -> Result<PathBuf> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/ui");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", ui.join(source).display());
    }
    if !runs(Command::new("node").arg("--version")) || !runs(Command::new("npm").arg("--version")) {
        return Err(WITHOUT_NODE.to_owned());
    }
    if !installed(&ui) {
        call(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&ui))
            .map_err(|error| format!("the packages of web/ui cannot be installed: {error}"))?;
    }
    let dist = out.join("dist");
    let vite = ui.join("node_modules/vite/bin/vite.js");
    call(
        Command::new("node")
            .arg(vite)
            .args(["build", "--emptyOutDir", "--logLevel=warn", "--outDir"])
            .arg(&dist)
            .current_dir(&ui),
    )
    .map_err(|error| format!("web/ui cannot be built: {error}"))?;
    Ok(dist)
}

/// Whether what is installed is what the lock file says: npm writes its own list when it is done.
fn installed(ui: &Path) -> bool {
    let changed = |path: &str| ui.join(path).metadata().and_then(|metadata| metadata.modified()).ok();
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Some(installed), Some(locked)) => installed >= locked,
        _ => false,
    }
}

fn runs(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn call(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    Err(format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr)))
}

/// The files below `folder`, with their paths from `root`.
fn list(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<()> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).map_err(|error| error.to_string())?;
            let name = name.to_str().ok_or("a file name of the desk is no Unicode")?.replace('\\', "/");
            files.push((format!("/{name}"), path));
        }
    }
    files.sort();
    Ok(())
}

fn embed(out: &Path, files: &[(String, PathBuf)]) -> Result<()> {
    let told = |error: std::io::Error| error.to_string();
    let mut code = String::from("/// Every file of the desk.\npub static FILES: &[File] = &[\n");
    for (index, (name, path)) in files.iter().enumerate() {
        let bytes = std::fs::read(path).map_err(told)?;
        let mut gzip = "None".to_owned();
        if bytes.len() >= GZIP_BYTES_MIN {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&bytes).map_err(told)?;
            let packed = encoder.finish().map_err(told)?;
            if packed.len() < bytes.len() {
                let at = out.join(format!("{index}.gz"));
                std::fs::write(&at, packed).map_err(told)?;
                gzip = format!("Some(include_bytes!({:?}))", at.display().to_string());
            }
        }
        let media_type = media_type(name)?;
        let path = path.canonicalize().map_err(told)?.display().to_string();
        writeln!(
            code,
            "    File {{ path: {name:?}, media_type: {media_type:?}, bytes: include_bytes!({path:?}), gzip: {gzip} }},"
        )
        .map_err(|error| error.to_string())?;
    }
    code.push_str("];\n");
    std::fs::write(out.join("files.rs"), code).map_err(told)
}

fn media_type(name: &str) -> Result<&'static str> {
    Ok(match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => return Err(format!("no media type is known for {name}")),
    })
}
