//! Words of command lines that a person may paste into a shell.

/// Writes one word for a POSIX shell; what came from a server must not become a command.
pub fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@,+=%[]".contains(&byte);
    if !text.is_empty() && !text.starts_with(['-', '[']) && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    quote(text)
}

/// Quotes for a POSIX shell.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A shell reads back what was written.
        #[test]
        fn a_shell_reads_what_was_meant(text in "[ -~]{0,40}") {
            let line = format!("printf '%s.' {} {}", word(&text), quote(&text));
            let told = std::process::Command::new("sh").arg("-c").arg(&line).output().unwrap();
            prop_assert_eq!(String::from_utf8(told.stdout).unwrap(), format!("{text}.{text}."), "{}", line);
        }
    }
}
