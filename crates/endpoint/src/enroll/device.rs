//! What the system says of this device. Whatever it does not say is left out.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::state::{System, read_bounded};

/// Longest file or field that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const FIELD_BYTES_MAX: usize = 256;

/// What is told at enrolment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Host name.
    pub hostname: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// By what the system knows the hardware or its installation.
    pub hardware_uuid: Option<String>,
    /// `linux`, `macos` or `windows`.
    pub os: &'static str,
    /// Its version.
    pub os_version: Option<String>,
    /// Processor.
    pub arch: &'static str,
}

/// Asks the system.
pub fn device() -> Device {
    let Told { hostname, serial, hardware_uuid, os_version } = match System::HERE {
        System::Linux => linux(Path::new("/")),
        System::Mac => mac(run),
        System::Windows => windows(run),
    };
    Device {
        hostname: hostname.as_deref().and_then(clean),
        serial: serial.as_deref().and_then(clean).filter(|serial| !is_junk(serial)),
        hardware_uuid: hardware_uuid.as_deref().and_then(clean).filter(|uuid| !is_junk(uuid)),
        os: std::env::consts::OS,
        os_version: os_version.as_deref().and_then(clean),
        arch: std::env::consts::ARCH,
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    hostname: Option<String>,
    serial: Option<String>,
    hardware_uuid: Option<String>,
    os_version: Option<String>,
}

/// Linux: files. `machine-id` comes first because every user may read it: the device stays the same one, whoever enrols.
fn linux(root: &Path) -> Told {
    let file = |path: &str| read_bounded(&root.join(path), FILE_BYTES_MAX).ok().filter(|text| !text.trim().is_empty());
    let usable = |path: &str| file(path).filter(|text| !is_junk(text.trim()));
    let release = file("etc/os-release").or_else(|| file("usr/lib/os-release"));
    let field = |name: &str| {
        let line = release.as_deref()?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    Told {
        hostname: file("proc/sys/kernel/hostname").or_else(|| file("etc/hostname")),
        serial: usable("sys/class/dmi/id/product_serial").or_else(|| usable("sys/class/dmi/id/board_serial")),
        hardware_uuid: usable("etc/machine-id").or_else(|| usable("sys/class/dmi/id/product_uuid")),
        os_version: field("PRETTY_NAME").or_else(|| field("VERSION_ID")),
    }
}

/// macOS: its own programs.
fn mac(run: impl Fn(&str, &[&str]) -> Option<String>) -> Told {
    let platform = run("/usr/sbin/ioreg", &["-rd1", "-c", "IOPlatformExpertDevice"]).unwrap_or_default();
    let property = |name: &str| {
        let line = platform.lines().find(|line| line.contains(&format!("\"{name}\"")))?;
        Some(line.split_once('=')?.1.trim().trim_matches('"').to_owned())
    };
    Told {
        hostname: run("/bin/hostname", &[]),
        serial: property("IOPlatformSerialNumber"),
        hardware_uuid: property("IOPlatformUUID"),
        os_version: run("/usr/bin/sw_vers", &["-productVersion"]),
    }
}

/// Windows: the registry, through its own program.
fn windows(run: impl Fn(&str, &[&str]) -> Option<String>) -> Told {
    let value = |key: &str, name: &str| {
        let told = run("reg", &["query", key, "/v", name])?;
        let line = told.lines().find(|line| line.trim_start().starts_with(name))?;
        Some(line.split_once("REG_SZ")?.1.trim().to_owned())
    };
    let version = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let bios = r"HKLM\HARDWARE\DESCRIPTION\System\BIOS";
    let words = [value(version, "ProductName"), value(version, "DisplayVersion"), value(version, "CurrentBuild")];
    let words: Vec<_> = words.into_iter().flatten().collect();
    Told {
        hostname: run("hostname", &[]),
        serial: value(bios, "SystemSerialNumber").or_else(|| value(bios, "BaseBoardSerialNumber")),
        hardware_uuid: value(r"HKLM\SOFTWARE\Microsoft\Cryptography", "MachineGuid"),
        os_version: (!words.is_empty()).then(|| words.join(" ")),
    }
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}

fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= FIELD_BYTES_MAX && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// What makers of boards and hypervisors write where a number should be. The server looks again, with a longer list.
fn is_junk(text: &str) -> bool {
    const PHRASES: [&str; 9] =
        ["default", "filled", "o.e.m", "serial", "none", "not specified", "not applicable", "unknown", "invalid"];
    const NUMBERS: [&str; 3] = ["123456789", "0123456789", "1234567890"];
    let text = text.to_ascii_lowercase();
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let first = plain.chars().next();
    plain.chars().all(|c| Some(c) == first)
        || NUMBERS.contains(&plain.as_str())
        || PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::fs;

    use super::*;

    #[test]
    fn linux_is_read_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("proc/sys/kernel/hostname", "box\n");
        put("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n");
        put("sys/class/dmi/id/board_serial", "PF3XK1\n");
        put("etc/machine-id", "0123456789abcdef0123456789abcdee\n");
        put("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
        let told = linux(root.path());
        assert_eq!(told.serial.unwrap().trim(), "PF3XK1");
        assert_eq!(told.hardware_uuid.unwrap().trim(), "0123456789abcdef0123456789abcdee");
        assert_eq!(told.os_version.unwrap(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(linux(Path::new("/nowhere")), Told::default());
    }

    /// Stand-ins: what the programs of macOS and Windows print, by their documentation. Not run there.
    #[test]
    fn mac_and_windows_are_read_from_their_programs() {
        let ioreg = "+-o J314 <class IOPlatformExpertDevice>\n    {\n      \"IOPlatformUUID\" = \"AAAA-1\"\n      \
                     \"IOPlatformSerialNumber\" = \"C02XK\"\n    }\n";
        let told =
            mac(|program, _| Some(if program.ends_with("ioreg") { ioreg.to_owned() } else { "15.1\n".to_owned() }));
        assert_eq!((told.serial.as_deref(), told.hardware_uuid.as_deref()), (Some("C02XK"), Some("AAAA-1")));
        let told = windows(|_, arguments| {
            let name = arguments.last()?;
            Some(format!("\r\nHKEY_LOCAL_MACHINE\\X\r\n    {name}    REG_SZ    value of {name}\r\n\r\n"))
        });
        assert_eq!(told.hardware_uuid.as_deref(), Some("value of MachineGuid"));
    }

    #[test]
    fn junk_is_no_number() {
        for junk in
            ["To be filled by O.E.M.", "00000000", "Default string", "None", "", "Not Specified", "----", "123456789"]
        {
            assert!(is_junk(junk), "{junk}");
        }
        assert!(
            !is_junk("PF3XK1") && !is_junk("0123456789abcdef0123456789abcdee"[1..].trim_start_matches("123456789"))
        );
    }
}
