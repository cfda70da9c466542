//! Keys of AWS for Kafka's login by signature: from the environment, from the file that AWS's own tools share, or from a
//! program that prints them.

use super::secrets::Program;
use super::security::Section;
use secrecy::{ExposeSecret, SecretString};

/// Keys and region.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The keys.
    pub keys: AwsKeys,
    /// The region of the cluster; without it, the broker's name tells it.
    pub region: Option<String>,
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum AwsKeys {
    /// They are known.
    Known(KeySet),
    /// A section of the shared credentials file. It is read when the keys are first needed, and again when they are refused.
    File {
        /// Its path.
        path: String,
        /// The section's name.
        profile: String,
    },
    /// A program prints them as JSON: the form of `credential_process` and of `aws configure export-credentials`.
    Command(Program),
}

/// One pair of keys.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The access key's id; not secret.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
    /// The token of a session, for keys that run out.
    pub session: Option<SecretString>,
}

/// Finds the keys as AWS's own tools do: `aws_credentials_command`, else the profile that is named, else the environment,
/// else the default profile of the shared file.
pub(super) fn keys(section: &mut Section<'_>, profile_of_file: Option<&str>) -> Option<Aws> {
    let variable = |name: &str| (section.variable)(name).filter(|value| !value.is_empty());
    let written = section.text("aws_profile").or(profile_of_file).map(str::to_owned);
    let region = section.text("aws_region").map(str::to_owned);
    let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    if let Some(program) = section.program("aws_credentials_command") {
        return Some(Aws { keys: AwsKeys::Command(program), region });
    }
    if written.is_none()
        && let (Some(id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
    {
        let session = variable("AWS_SESSION_TOKEN").map(SecretString::from);
        let keys = AwsKeys::Known(KeySet { id, secret: secret.into(), session });
        return Some(Aws { keys, region });
    }
    let profile = written.or_else(|| variable("AWS_PROFILE")).unwrap_or_else(|| "default".into());
    let path = variable("AWS_SHARED_CREDENTIALS_FILE")
        .or_else(|| variable("HOME").map(|home| format!("{home}/.aws/credentials")));
    let fix = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or aws_credentials_command = [\"aws\", \"configure\", \"export-credentials\"]";
    let Some(path) = path else {
        section.mistake("sasl_mechanism", "there are no keys of AWS, and no home directory to look into", fix);
        return None;
    };
    if let Err(why) = shared(&path, &profile) {
        section.mistake("sasl_mechanism", &why, fix);
        return None;
    }
    Some(Aws { keys: AwsKeys::File { path, profile }, region })
}

/// Reads a section of the shared credentials file.
pub fn shared(path: &str, profile: &str) -> Result<KeySet, String> {
    let (bytes, _) =
        super::secrets::regular(path, 1 << 20).map_err(|error| format!("no keys of AWS: {path}: {error}"))?;
    let text = SecretString::from(String::from_utf8_lossy(&bytes).into_owned());
    let (mut is_ours, mut is_there) = (false, false);
    let (mut id, mut secret, mut session) = (None, None, None);
    for line in text.expose_secret().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_ours = name.trim() == profile;
            is_there |= is_ours;
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours && !line.starts_with(['#', ';'])) {
            let value = value.trim();
            match name.trim() {
                "aws_access_key_id" => id = Some(value.to_owned()),
                "aws_secret_access_key" => secret = Some(SecretString::from(value.to_owned())),
                "aws_session_token" => session = Some(SecretString::from(value.to_owned())),
                _ => {}
            }
        }
    }
    match (is_there, id.zip(secret)) {
        (true, Some((id, secret))) => Ok(KeySet { id, secret, session }),
        (true, None) => Err(format!("[{profile}] of {path} holds no pair of keys")),
        (false, _) => Err(format!("there is no [{profile}] in {path}")),
    }
}

/// Reads what a program printed. The error does not repeat it.
pub fn printed(text: &SecretString) -> Result<KeySet, String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Printed {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    }
    let read: Printed = serde_json::from_str(text.expose_secret()).map_err(|_| {
        "what it printed is not the JSON of a credential_process (AccessKeyId, SecretAccessKey)".to_owned()
    })?;
    let session = read.session_token.map(SecretString::from);
    Ok(KeySet { id: read.access_key_id, secret: read.secret_access_key.into(), session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_file_holds_sections() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials").to_str().unwrap().to_owned();
        let text = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S/+=\n\n[shop]\naws_access_key_id=B\naws_secret_access_key = T\naws_session_token = U\n[bare]\nregion = x\n";
        std::fs::write(&path, text).unwrap();
        let read = |profile: &str| {
            shared(&path, profile).map(|keys| {
                let session = keys.session.map(|token| token.expose_secret().to_owned());
                (keys.id, keys.secret.expose_secret().to_owned(), session)
            })
        };
        assert_eq!(read("default"), Ok(("A".into(), "S/+=".into(), None)));
        assert_eq!(read("shop"), Ok(("B".into(), "T".into(), Some("U".into()))));
        assert!(read("bare").unwrap_err().contains("no pair of keys"));
        assert!(read("other").unwrap_err().contains("no [other]"));
    }

    #[test]
    fn a_program_prints_keys_as_json() {
        let text = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-01-01T00:00:00Z"}"#;
        let keys = printed(&text.to_owned().into()).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.expose_secret(), keys.session.is_some()), ("A", "S", true));
        assert!(!printed(&"hush".to_owned().into()).unwrap_err().contains("hush"));
    }
}
