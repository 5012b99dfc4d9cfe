//! One HTTP request at a time, by hand: the check must tell a refused connection from one that was cut
//! off, and an answer that is whole from one that is not. Clients with pools and retries hide both.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most of an answer that is read.
const LONGEST: usize = 4 << 20;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// A whole answer with this status.
    Whole(u16),
    /// The connection ended in the middle of it, or before it.
    Cut,
    /// No connection.
    Refused,
    /// No whole answer in time.
    Late,
}

impl Reply {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Whole(status) => format!("status {status}"),
            Self::Cut => "the connection was cut off".into(),
            Self::Refused => "the connection was refused".into(),
            Self::Late => "no answer in time".into(),
        }
    }

    pub(super) fn good(&self) -> bool {
        matches!(self, Self::Whole(200..=299))
    }
}

/// Asks for a path.
pub(super) async fn get(address: SocketAddr, path: &str, limit: Duration) -> Reply {
    // Where nothing is any more, nobody refuses either: the attempt ends in silence.
    let connecting = tokio::time::timeout(limit, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connecting else { return Reply::Refused };
    tokio::time::timeout(limit, exchange(stream, address, path)).await.unwrap_or(Reply::Late)
}

async fn exchange(mut stream: TcpStream, address: SocketAddr, path: &str) -> Reply {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: ha-deploy-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    if stream.write_all(request.as_bytes()).await.is_err() {
        return Reply::Cut;
    }
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        if let Some(status) = whole(&bytes, false) {
            return Reply::Whole(status);
        }
        match stream.read(&mut buffer).await {
            Ok(0) => return whole(&bytes, true).map_or(Reply::Cut, Reply::Whole),
            Ok(read) => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(_) => return Reply::Cut,
        }
        if bytes.len() > LONGEST {
            return status(&bytes).map_or(Reply::Cut, Reply::Whole);
        }
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let head = bytes.get(..12)?;
    std::str::from_utf8(head).ok()?.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()
}

/// The status, when the answer is whole; `ended`: nothing more will come.
fn whole(bytes: &[u8], ended: bool) -> Option<u16> {
    let status = status(bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).to_ascii_lowercase();
    let body = bytes.get(end + 4..)?;
    let header = |name: &str| {
        head.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))
    };
    if matches!(status, 204 | 304) {
        return Some(status);
    }
    if let Some((_, length)) = header("content-length") {
        let length: usize = length.trim().parse().ok()?;
        return (body.len() >= length).then_some(status);
    }
    if header("transfer-encoding").is_some_and(|(_, value)| value.contains("chunked")) {
        return body.ends_with(b"0\r\n\r\n").then_some(status);
    }
    ended.then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_says_so() {
        let whole = |text: &str, ended| whole(text.as_bytes(), ended);
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false), Some(200));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", true), None);
        assert_eq!(
            whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", true),
            None
        );
        let chunked = "HTTP/1.0 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        assert_eq!(whole(chunked, false), Some(500));
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nok", false), None);
        assert_eq!(whole("HTTP/1.1 200 OK\r\n\r\nok", true), Some(200));
        assert_eq!(whole("SSH-2.0-OpenSSH\r\n\r\n", true), None);
        assert_eq!(whole("", true), None);
    }
}
