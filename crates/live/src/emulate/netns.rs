//! Network namespaces: one for every agent, a veth pair for every link of the backhaul, and the kernel holds links to their rate.
//!
//! The emulation itself runs in namespaces of its own, for networks and for mounts, in which those of the agents are named. So the kernel clears
//! everything away with the last process, however that ends, and nothing of the machine is touched.

use crate::Addresses;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use wayside_core::backhaul::network::Network;
use wayside_core::error::{Error, Problem, Problems, Result};

/// What `ip netns` calls namespaces by.
const NAMES: &str = "/run/netns";
/// Tells the process inside which namespace the one outside was in.
const OUTSIDE: &str = "WAYSIDE_NETNS_OUTSIDE";
const OWN: &str = "/proc/self/ns/net";
/// The emulation's own address, in a range that is for tests of networks (RFC 2544). Those of agents follow.
const HUB: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const BITS: u8 = 16;
/// The port of every agent, each of which has an address of its own.
const PORT: u16 = 7101;
/// Largest packet beside the backhaul \[bytes\]: what vehicles send is to cost no more than on loopback.
const WIDE: u32 = 65_535;
/// Most ports of a bridge, less some.
const AGENTS: usize = 1000;
/// What a link lets through at once after a pause: the time that it takes \[s\], at least two packets. Timers that are later than that cost rate.
const BURST_S: f64 = 0.5e-3;
const PACKET_BYTES: f64 = 1514.0;
/// What may wait for a link \[bytes\]. TCP keeps far less there.
const WAITS_BYTES: f64 = 1_048_576.0;

/// The tools that are needed, with what they answer to, and the Debian package that has them.
const TOOLS: [(&str, &str, &str); 4] = [
    ("ip", "-V", "iproute2"),
    ("tc", "-V", "iproute2"),
    ("unshare", "--version", "util-linux"),
    ("mount", "--version", "mount"),
];

/// Goes on in namespaces of its own: this program starts anew there, with the same arguments, in this process. Returns only there.
///
/// # Errors
/// Names all that is missing: Linux, root, tools, or the right to make namespaces.
pub fn isolate() -> Result<()> {
    let own = std::fs::read_link(OWN).map_err(|e| wrong(format!("needs Linux: {OWN}: {e}")))?;
    let outside = std::env::var_os(OUTSIDE);
    if outside.is_some_and(|outside| outside != own.as_os_str()) {
        std::fs::create_dir_all(NAMES).map_err(|e| Error::io(Path::new(NAMES), e))?;
        return tool("mount", &["-t", "tmpfs", "wayside", NAMES], None);
    }
    check()?;
    let program = std::env::current_exe().map_err(|e| Error::io(Path::new("wayside"), e))?;
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--"])
        .arg(program)
        .args(std::env::args_os().skip(1).collect::<Vec<OsString>>())
        .env(OUTSIDE, own);
    Err(Error::io(Path::new("unshare"), replaced_by(&mut command)))
}

#[cfg(unix)]
fn replaced_by(command: &mut Command) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

#[cfg(not(unix))]
fn replaced_by(_: &mut Command) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// Whether all that is needed is here.
fn check() -> Result<()> {
    let mut problems = Problems::default();
    for (name, asks, package) in TOOLS {
        let asked = Command::new(name).arg(asks).output();
        if asked.is_err() {
            let message = format!("needs `{name}`, which is not there (Debian package {package})");
            problems.push(problem(message));
        }
    }
    match user() {
        Some(0) => {}
        user => problems.push(problem(format!(
            "needs root, and this is user {}",
            user.map_or("unknown".to_owned(), |user| user.to_string())
        ))),
    }
    problems.into_result(())?;
    // root in a container may not
    tool("unshare", &["--net", "--mount", "true"], None)
}

/// Whom this process runs as.
#[cfg(unix)]
fn user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(not(unix))]
fn user() -> Option<u32> {
    None
}

fn problem(message: String) -> Problem {
    Problem {
        file: "--netns".to_owned(),
        line: None,
        path: String::new(),
        message,
    }
}

fn wrong(message: String) -> Error {
    Error::invalid("--netns", None, "", message)
}

/// Runs a tool, with `input`.
fn tool(name: &str, arguments: &[&str], input: Option<&str>) -> Result<()> {
    let all = format!("{name} {}", arguments.join(" "));
    let ran = ran(name, arguments, input.unwrap_or_default());
    let ran = ran.map_err(|e| wrong(format!("`{all}` cannot be run: {e}")))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    // a batch says which of its lines failed
    let line = said.rsplit_once("-:").and_then(|(_, n)| n.parse().ok());
    let line = line.and_then(|n: usize| input?.lines().nth(n.checked_sub(1)?));
    let line = line.map_or(String::new(), |line| format!(", at `{line}`"));
    Err(wrong(format!("`{all}` failed{line}: {said}")))
}

fn ran(name: &str, arguments: &[&str], input: &str) -> io::Result<std::process::Output> {
    let mut child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    // a tool that ends early says why
    _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    child.wait_with_output()
}

/// The namespaces of the agents.
pub(super) struct Netns {
    agents: usize,
}

impl Netns {
    /// Makes a namespace for every server of `network`, and its links, whose seconds take `dilate`. The process must be [isolated](isolate).
    ///
    /// # Errors
    /// Too many servers; what the kernel refuses.
    pub(super) fn lay_out(network: &Network, dilate: f64) -> Result<Self> {
        let agents = network.rsus();
        if agents > AGENTS {
            let message = format!("takes {AGENTS} RSUs at most, and the scenario has {agents}");
            return Err(wrong(message));
        }
        tool("ip", &["-batch", "-"], Some(&hub(network)))?;
        for row in 0..agents as u32 {
            let namespace = name(row);
            let inside = inside(network, row);
            tool("ip", &["-n", &namespace, "-batch", "-"], Some(&inside))?;
            let rates = rates(network, row, dilate);
            tool("tc", &["-n", &namespace, "-batch", "-"], Some(&rates))?;
        }
        Ok(Self { agents })
    }

    /// Where agents listen, by row.
    pub(super) fn addresses(&self) -> Vec<Addresses> {
        let at = |row| SocketAddr::from((address(row), PORT));
        let agents = (0..self.agents as u32).map(at);
        agents.map(|at| Addresses { ri: at, tasks: at }).collect()
    }

    /// Where the centre may listen, with any port.
    pub(super) fn centre(&self) -> String {
        SocketAddr::from((Ipv4Addr::from(HUB), 0)).to_string()
    }

    /// What to put before a program for it to run as the agent of a row.
    pub(super) fn prefix(row: usize) -> [String; 4] {
        let words = ["ip", "netns", "exec", &name(row as u32)];
        words.map(str::to_owned)
    }
}

fn name(row: u32) -> String {
    format!("r{row}")
}

fn address(row: u32) -> Ipv4Addr {
    Ipv4Addr::from(HUB + 1 + row)
}

/// The namespaces with all devices, as `ip` reads it: a bridge joins the emulation and all agents, for what the backhaul does not carry, vehicles and
/// outcomes; a pair of its own is every link.
fn hub(network: &Network) -> String {
    let mut text = format!(
        "link set lo up\nlink add hub mtu {WIDE} type bridge\naddr add {}/{BITS} dev hub\nlink set hub up\n",
        Ipv4Addr::from(HUB)
    );
    for row in 0..network.rsus() as u32 {
        let namespace = name(row);
        _ = writeln!(text, "netns add {namespace}");
        _ = writeln!(
            text,
            "link add h{row} mtu {WIDE} type veth peer name out mtu {WIDE} netns {namespace}"
        );
        _ = writeln!(text, "link set h{row} master hub up");
    }
    for link in network.links().iter().filter(|link| link.from < link.to) {
        let (from, to) = (link.from, link.to);
        _ = writeln!(
            text,
            "link add l{to} netns {} type veth peer name l{from} netns {}",
            name(from),
            name(to)
        );
    }
    text
}

/// Addresses and routes of an agent: neighbours are reached by their link, all others by the bridge.
fn inside(network: &Network, row: u32) -> String {
    let own = address(row);
    let mut text = format!(
        "link set lo up\naddr add {own}/32 dev lo\nlink set out up\nroute add {}/{BITS} dev out src {own}\n",
        Ipv4Addr::from(HUB - 1)
    );
    for link in network.neighbours(row) {
        let to = link.to;
        _ = writeln!(text, "link set l{to} up");
        _ = writeln!(text, "route add {}/32 dev l{to} src {own}", address(to));
    }
    text
}

/// Rates of the links that leave an agent, as `tc` reads it.
fn rates(network: &Network, row: u32, dilate: f64) -> String {
    let mut text = String::new();
    for link in network.neighbours(row) {
        let rate_bps = (link.rate_bps / dilate).max(8.0);
        let burst_bytes = (BURST_S * rate_bps / 8.0).max(2.0 * PACKET_BYTES);
        _ = writeln!(
            text,
            "qdisc add dev l{} root tbf rate {rate_bps:.0}bit burst {burst_bytes:.0} limit {:.0}",
            link.to,
            burst_bytes + WAITS_BYTES
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::backhaul::Edge;

    /// Two RSUs and a link of 100 Mbit/s, at half the speed.
    #[test]
    fn closed_form_what_the_tools_read() {
        let edges = [Edge {
            a: 0,
            b: 1,
            length_m: 1000.0,
            rate_bps: 1e8,
            backlog_bits: 0.0,
        }];
        let network = Network::new(2, &edges, 5e-9);
        let hub = hub(&network);
        assert_eq!(
            hub.lines()
                .filter(|line| line.starts_with("netns add"))
                .count(),
            2
        );
        assert!(
            hub.ends_with("link add l1 netns r0 type veth peer name l0 netns r1\n"),
            "{hub}"
        );
        assert_eq!(
            inside(&network, 1),
            "link set lo up\naddr add 198.18.0.3/32 dev lo\nlink set out up\nroute add 198.18.0.0/16 dev out src 198.18.0.3\n\
             link set l0 up\nroute add 198.18.0.2/32 dev l0 src 198.18.0.3\n"
        );
        assert_eq!(
            rates(&network, 0, 2.0),
            "qdisc add dev l1 root tbf rate 50000000bit burst 3125 limit 1051701\n"
        );
    }
}
