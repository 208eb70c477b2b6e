//! The certificate that the bridge shows: whether it can be used, until when, and for the name by which it is called.

use std::{path::Path, time::Duration};

use jiff::{civil::DateTime, tz::TimeZone};
use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    server::ParsedCertificate,
};
use url::Url;

use crate::{
    clock::Time,
    config::{Server, Tls},
    http::Certificates,
    passthrough::probe::Finding,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Certificates of public authorities are renewed when a third of their 90 days is left.
const SOON: Duration = Duration::from_secs(21 * 24 * 60 * 60);

/// What is to be said of it; nothing where somebody else ends TLS.
pub(super) fn findings(server: &Server, now: Time) -> Vec<Finding> {
    let Some(tls) = &server.tls else { return Vec::new() };
    if is_asked_for(server) && !tls.certificate.exists() {
        return vec![Finding::warning(format!(
            "{} is not there yet; `serve` asks for it",
            tls.certificate.display()
        ))];
    }
    if let Err(error) = Certificates::load(tls.clone()) {
        let error = anyhow::Error::from(error);
        return vec![Finding::problem(format!("{error:#}; `serve` would not start with it"))];
    }
    of_files(tls, server.public_url.as_ref().map(|url| url.as_str()), now)
}

/// Whether the bridge asks for its certificates itself.
fn is_asked_for(server: &Server) -> bool {
    #[cfg(feature = "acme")]
    return server.acme.is_some();
    #[cfg(not(feature = "acme"))]
    {
        let _ = server;
        false
    }
}

fn of_files(tls: &Tls, public_url: Option<&str>, now: Time) -> Vec<Finding> {
    let path: &Path = &tls.certificate;
    let Ok(certificate) = CertificateDer::from_pem_file(path) else { return Vec::new() };
    let name = path.display();
    let mut findings = Vec::new();
    findings.push(match end_of(&certificate) {
        None => Finding::warning(format!("until when {name} is good cannot be read from it")),
        Some(end) if end <= now => Finding::problem(format!(
            "{name} has ended at {end}, and clients refuse it; put a new one in its place, which is used within seconds"
        )),
        Some(end) if end.since(now) < SOON => Finding::warning(format!(
            "{name} ends in {} days, at {end}; put a new one in its place, which is used within seconds",
            end.since(now).as_secs().div_ceil(DAY.as_secs())
        )),
        Some(end) => Finding::ok(format!("{name} fits its key, and is good until {end}")),
    });
    let host = public_url.and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned));
    if let Some(host) = host
        && let Ok(server_name) = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        && let Ok(parsed) = ParsedCertificate::try_from(&certificate)
        && verify_server_name(&parsed, &server_name).is_err()
    {
        findings.push(Finding::problem(format!(
            "{name} is not for {host}, by which public_url says that the bridge is called; clients refuse it. Ask for one that \
             names {host}"
        )));
    }
    findings
}

/// When the certificate ends (RFC 5280 §4.1.2.5), read from its DER: of all that stands in it this is the one thing that is
/// asked, which is no reason for a parser of it all.
fn end_of(certificate: &[u8]) -> Option<Time> {
    let (certificate, _) = read(certificate, SEQUENCE)?;
    let (mut rest, _) = read(certificate, SEQUENCE)?;
    // The version may be left out; then come the serial number, the algorithm and the issuer.
    if rest.first() == Some(&VERSION) {
        rest = read(rest, VERSION)?.1;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = read(rest, tag)?.1;
    }
    let (validity, _) = read(rest, SEQUENCE)?;
    let (_, end) = read(validity, *validity.first()?)?;
    let tag = *end.first()?;
    let (digits, _) = read(end, tag)?;
    let digits = str::from_utf8(digits).ok()?;
    let full = match tag {
        // Years of two digits are those from 1950 to 2049.
        UTC_TIME => format!("{}{digits}", if digits.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => digits.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(Time::from_micros(time.timestamp().as_microsecond()))
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The content of the value of that kind that `der` begins with, and what stands behind the value.
fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        // So many bytes of length follow; three are more than any certificate has.
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    if *found != tag { None } else { rest.split_at_checked(length) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rstest::rstest;

    use super::*;
    use crate::passthrough::probe::Level;

    /// A certificate for `scim.example.com` that ends then, and its files.
    fn written(end: (i32, u8, u8)) -> (tempfile::TempDir, Tls) {
        let mut params = CertificateParams::new(vec!["scim.example.com".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(end.0, end.1, end.2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tls = Tls {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
            client_authorities: None,
        };
        std::fs::write(&tls.certificate, certificate.pem()).unwrap();
        std::fs::write(&tls.key, key.serialize_pem()).unwrap();
        (folder, tls)
    }

    /// What is said at the first of January 2030.
    fn said(tls: Tls, public_url: &str) -> Vec<Finding> {
        let public_url = Some(public_url.parse().unwrap());
        let server = Server { tls: Some(tls), public_url, ..Server::default() };
        findings(&server, Time::from_micros(1_893_456_000_000_000))
    }

    #[rstest]
    #[case::good((2031, 1, 1), Level::Ok, "good until 2031-01-01T00:00:00.000Z")]
    #[case::beyond_the_two_digits_of_years((2060, 7, 8), Level::Ok, "good until 2060-07-08T00:00:00.000Z")]
    #[case::soon_over((2030, 1, 11), Level::Warning, "ends in 10 days, at 2030-01-11T00:00:00.000Z")]
    #[case::over((2029, 12, 31), Level::Problem, "has ended at 2029-12-31T00:00:00.000Z")]
    fn until_when_it_is_good_is_told(#[case] end: (i32, u8, u8), #[case] level: Level, #[case] text: &str) {
        let (_folder, tls) = written(end);
        let said = said(tls, "https://scim.example.com");
        assert!(said.len() == 1 && said[0].level == level && said[0].text.contains(text), "{said:?}");
    }

    #[test]
    fn one_for_another_name_is_a_problem() {
        let (_folder, tls) = written((2031, 1, 1));
        let said = said(tls, "https://bridge.example.com:8443");
        assert_eq!(said[1].level, Level::Problem, "{said:?}");
        assert!(said[1].text.contains("is not for bridge.example.com"), "{said:?}");
    }

    #[test]
    fn one_that_does_not_fit_its_key_is_a_problem() {
        let ((_folder, tls), (_other_folder, other)) = (written((2031, 1, 1)), written((2031, 1, 1)));
        let said = said(Tls { key: other.key, ..tls }, "https://scim.example.com");
        assert!(
            said[0].level == Level::Problem && said[0].text.contains("cannot be used together"),
            "{said:?}"
        );
    }

    #[test]
    fn what_is_no_certificate_ends_nowhere() {
        for bytes in [&b""[..], b"0", b"0\x80", b"0\x03\x30\x01", &[0x30, 0x84, 1, 1, 1, 1], &[0xff; 64]] {
            assert_eq!(end_of(bytes), None, "{bytes:?}");
        }
    }
}
