//! A machine whose power can fail: a file system in an image, which is shut down without writing what it holds in
//! memory, then mounted again. Needs root, loop devices and ext4.

use super::requires::met;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`, by a program, since the workspace holds no unsafe code.
const SHUTDOWN: &str = "import fcntl,os,struct,sys\n\
    fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))";

/// A file system in an image.
pub(crate) struct Machine {
    dir: tempfile::TempDir,
    mounted: bool,
}

impl Machine {
    pub(crate) fn new() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut machine = Self { dir, mounted: false };
        let image = machine.path("image");
        std::fs::create_dir(machine.path("mount")).map_err(|error| error.to_string())?;
        run("truncate", &["-s", "256M", text(&image)])?;
        run("mkfs.ext4", &["-q", "-F", text(&image)])?;
        machine.mount()?;
        Ok(machine)
    }

    /// One whose power was just lost for once, unless this can't be done here.
    pub(crate) fn whose_power_can_fail() -> Option<Self> {
        let made = Self::new();
        let why = made.as_ref().err().cloned().unwrap_or_default();
        if !met(made.is_ok(), &format!("no file system in an image can be mounted: {why}")) {
            return None;
        }
        let mut machine = made.expect("it was just looked at");
        let failed = machine.fail();
        if !met(failed.is_ok(), &format!("ext4 can't be shut down: {}", failed.err().unwrap_or_default())) {
            return None;
        }
        machine.unmount().expect("unmounted");
        machine.mount().expect("mounted again");
        Some(machine)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("mount/log")
    }

    pub(crate) fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-o", "loop", text(&self.path("image")), text(&self.path("mount"))])?;
        self.mounted = true;
        Ok(())
    }

    pub(crate) fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[text(&self.path("mount"))])?;
        self.mounted = false;
        Ok(())
    }

    /// Mounted for reading (`ro`) or writing (`rw`) from now on.
    pub(crate) fn remount(&mut self, how: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{how}"), text(&self.path("mount"))])
    }

    pub(crate) fn fail(&self) -> Result<(), String> {
        run("python3", &["-c", SHUTDOWN, text(&self.path("mount"))])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.mounted {
            let _ = self.unmount();
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
