//! What an attempt would find outside the jail: services that listen, files that lie open, a secret in the host's memory.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::sync::OnceLock;

/// All of it; one for all attempts.
pub(crate) struct Bait {
    tcp: TcpListener,
    udp: UdpSocket,
    stream: UnixListener,
    datagram: UnixDatagram,
    abstracted: UnixListener,
    abstract_name: String,
    folder: tempfile::TempDir,
    /// Lies in this process's memory and nowhere in a jail.
    secret: Vec<u8>,
}

impl Bait {
    pub(crate) fn laid() -> &'static Self {
        static BAIT: OnceLock<Bait> = OnceLock::new();
        BAIT.get_or_init(Self::lay)
    }

    fn lay() -> Self {
        let folder = tempfile::Builder::new().prefix("escape-bait-").tempdir().unwrap();
        fs::write(folder.path().join("readable"), "what the machine holds").unwrap();
        let mut secret = vec![0; 32];
        fs::File::open("/dev/urandom").unwrap().read_exact(&mut secret).unwrap();
        let abstract_name = format!("escape-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let bait = Self {
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            udp: UdpSocket::bind("127.0.0.1:0").unwrap(),
            stream: UnixListener::bind(folder.path().join("stream")).unwrap(),
            datagram: UnixDatagram::bind(folder.path().join("datagram")).unwrap(),
            abstracted: UnixListener::bind_addr(&address).unwrap(),
            abstract_name,
            folder,
            secret,
        };
        for (name, mode) in
            [("", 0o777), ("readable", 0o666), ("stream", 0o777), ("datagram", 0o777)]
        {
            let path = bait.folder.path().join(name);
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }
        bait.tcp.set_nonblocking(true).unwrap();
        bait.udp.set_nonblocking(true).unwrap();
        bait.stream.set_nonblocking(true).unwrap();
        bait.datagram.set_nonblocking(true).unwrap();
        bait.abstracted.set_nonblocking(true).unwrap();
        bait
    }

    /// Puts what an attacker might know of it into a program.
    pub(crate) fn tell(&self, program: &str) -> String {
        let port =
            |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port().to_string();
        // Neither half is the secret: a program that looks for it must not find its own copy.
        let (head, tail) = self.secret.split_at(8);
        let tail: Vec<u8> = tail.iter().map(|byte| !byte).collect();
        program
            .replace("@TCP_PORT@", &port(self.tcp.local_addr()))
            .replace("@UDP_PORT@", &port(self.udp.local_addr()))
            .replace("@ABSTRACT@", &self.abstract_name)
            .replace("@OUTSIDE@", &self.folder.path().display().to_string())
            .replace("@HOST_PID@", &std::process::id().to_string())
            .replace("@SECRET_HEAD@", &hex(head))
            .replace("@SECRET_TAIL_INVERTED@", &hex(&tail))
    }

    /// What the host holds: also the input of runs that another run comes after.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// What of it was touched.
    pub(crate) fn touched(&self) -> Option<String> {
        let mut byte = [0; 1];
        let reached = [
            ("the TCP service", self.tcp.accept().is_ok()),
            ("the UDP service", self.udp.recv_from(&mut byte).is_ok()),
            ("the Unix service", self.stream.accept().is_ok()),
            ("the Unix datagram service", self.datagram.recv_from(&mut byte).is_ok()),
            ("the abstract Unix service", self.abstracted.accept().is_ok()),
        ];
        if let Some((name, _)) = reached.into_iter().find(|(_, reached)| *reached) {
            return Some(format!("{name} was reached"));
        }
        let mut names: Vec<_> =
            fs::read_dir(self.folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        names.sort();
        let text = fs::read_to_string(self.folder.path().join("readable")).unwrap_or_default();
        (names != ["datagram", "readable", "stream"] || text != "what the machine holds")
            .then(|| format!("files outside were changed: {names:?}, {text:?}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
