//! Networks of a cluster's own: each server in a network namespace, with one network among the servers and one for each
//! gateway, so that each can be cut alone. Needs root and network namespaces.

use std::process::Command;

/// Among the servers, and to each of the two gateways.
const SIDES: [&str; 3] = ["mesh", "left", "right"];
/// The ports that servers have in their namespaces.
pub(super) const CLIENTS: u16 = 4222;
pub(super) const ROUTES: u16 = 6222;

/// The networks of so many servers, gone when dropped.
pub(super) struct Network {
    id: u8,
    servers: usize,
}

impl Network {
    pub(super) fn new(servers: usize) -> Result<Self, String> {
        let mut why = String::from("no name is free");
        for id in 0..=u8::MAX {
            let made = run(&["link", "add", &bridge(id, 0), "type", "bridge"]);
            match made {
                Ok(()) => {
                    let network = Self { id, servers };
                    return network.build().map(|()| network);
                }
                Err(error) if error.contains("exists") => why = error,
                Err(error) => return Err(error),
            }
        }
        Err(why)
    }

    fn build(&self) -> Result<(), String> {
        for side in 0..SIDES.len() {
            let bridge = bridge(self.id, side);
            if side > 0 {
                run(&["link", "add", &bridge, "type", "bridge"])?;
                run(&["addr", "add", &format!("{}/28", address(self.id, side, 14)), "dev", &bridge])?;
            }
            run(&["link", "set", &bridge, "up"])?;
        }
        for server in 0..self.servers {
            let space = self.namespace(server);
            run(&["netns", "add", &space])?;
            run(&["-n", &space, "link", "set", "lo", "up"])?;
            for (side, name) in SIDES.iter().enumerate() {
                let (port, address) = (self.port(side, server), self.address(side, server));
                run(&["link", "add", &port, "type", "veth", "peer", "name", name, "netns", &space])?;
                run(&["link", "set", "dev", &port, "master", &bridge(self.id, side)])?;
                run(&["-n", &space, "addr", "add", &format!("{address}/28"), "dev", name])?;
                run(&["-n", &space, "link", "set", "dev", name, "up"])?;
                run(&["link", "set", "dev", &port, "up"])?;
            }
        }
        Ok(())
    }

    pub(super) fn namespace(&self, server: usize) -> String {
        format!("clew{}n{server}", self.id)
    }

    /// The address of a server: among servers (0), or for a gateway (1 and 2).
    pub(super) fn address(&self, side: usize, server: usize) -> String {
        address(self.id, side, server + 1)
    }

    fn port(&self, side: usize, server: usize) -> String {
        format!("{}{server}", bridge(self.id, side))
    }

    /// Cuts a server off from all, or heals it (`up`).
    pub(super) fn server(&self, server: usize, how: &str) {
        (0..SIDES.len()).for_each(|side| self.set(side, server, how));
    }

    /// Cuts a gateway off from all servers, or heals it (`up`).
    pub(super) fn gateway(&self, gateway: usize, how: &str) {
        (0..self.servers).for_each(|server| self.set(gateway + 1, server, how));
    }

    fn set(&self, side: usize, server: usize, how: &str) {
        run(&["link", "set", "dev", &self.port(side, server), how]).expect("a link of ours");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for server in 0..self.servers {
            for side in 0..SIDES.len() {
                let _ = run(&["link", "del", &self.port(side, server)]);
            }
            let _ = run(&["netns", "del", &self.namespace(server)]);
        }
        for side in 0..SIDES.len() {
            let _ = run(&["link", "del", &bridge(self.id, side)]);
        }
    }
}

fn bridge(id: u8, side: usize) -> String {
    format!("clew{id}{}", &SIDES[side][..1])
}

/// In the range that is kept for trials of networks.
fn address(id: u8, side: usize, host: usize) -> String {
    format!("198.18.{id}.{}", 16 * side + host)
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
