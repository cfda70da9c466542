//! `[profile.NAME.headers]`: what the headers of an installation's own programs mean.

use super::security::Section;
use crate::model::record::{Encoding, HeaderMap};
use smol_str::SmolStr;

/// Reads the map of a profile; `None` where nothing is set.
pub(super) fn map(mut section: Section<'_>) -> Option<HeaderMap> {
    if !section.values.keys().any(|name| name.starts_with("headers.")) {
        return None;
    }
    let text = |section: &Section<'_>, field: &str| section.text(field).map(SmolStr::from);
    let number = |section: &mut Section<'_>, field: &str| {
        let encoding = format!("{field}_as");
        let way = section.text(&encoding).and_then(Encoding::named);
        let name = text(section, field);
        if name.is_none() && way.is_some() {
            section.mistake(
                &encoding,
                &format!("an encoding is set for {field}, and no header"),
                &format!("add {field} = \"name-of-the-header\", or remove {encoding}"),
            );
        }
        name.map(|name| (name, way.unwrap_or_default()))
    };
    let partition = number(&mut section, "original_partition");
    let offset = number(&mut section, "original_offset");
    let attempt = number(&mut section, "attempt");
    let topic = text(&section, "original_topic");
    let parts = [
        ("original_topic", topic.is_some()),
        ("original_partition", partition.is_some()),
        ("original_offset", offset.is_some()),
    ];
    if let (Some((there, _)), Some((missing, _))) =
        (parts.iter().find(|part| part.1), parts.iter().find(|part| !part.1))
    {
        section.mistake(
            there,
            &format!("{missing} is missing beside it: an original is named by topic, partition and offset"),
            &format!("add {missing} = \"name-of-the-header\""),
        );
    }
    Some(HeaderMap {
        topic,
        partition,
        offset,
        attempt,
        group: text(&section, "group"),
        message: text(&section, "message_id"),
        correlation: text(&section, "correlation_id"),
        is_newest_first: section.text("newest") == Some("first"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, load};

    fn loaded(headers: &str) -> Result<HeaderMap, Vec<String>> {
        let text = format!("[profile.p.kafka]\nbootstrap = \"a:1\"\n[profile.p.headers]\n{headers}");
        let layers = Layers { file: Some(("c.toml", &text)), variable: &|_| None, flags: Vec::new() };
        match load(&layers) {
            Ok(loaded) => Ok((**loaded.profile.kafka.expect("a cluster").headers.as_ref().expect("a map")).clone()),
            Err(mistakes) => Err(mistakes.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn every_setting_arrives() {
        let map = loaded(
            "original_topic = \"x-topic\"\noriginal_partition = \"x-part\"\noriginal_partition_as = \"int32be\"\n\
             original_offset = \"x-off\"\noriginal_offset_as = \"int64be\"\nattempt = \"x.try\"\nattempt_as = \"minimal\"\n\
             group = \"x-group\"\nmessage_id = \"x-id\"\ncorrelation_id = \"x-saga\"\nnewest = \"first\"\n",
        );
        let wanted = HeaderMap {
            topic: Some("x-topic".into()),
            partition: Some(("x-part".into(), Encoding::Int32)),
            offset: Some(("x-off".into(), Encoding::Int64)),
            attempt: Some(("x.try".into(), Encoding::Minimal)),
            group: Some("x-group".into()),
            message: Some("x-id".into()),
            correlation: Some("x-saga".into()),
            is_newest_first: true,
        };
        assert_eq!(map, Ok(wanted));
        assert_eq!(loaded("attempt = \"n\"\n").map(|map| map.attempt), Ok(Some(("n".into(), Encoding::Utf8))));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (headers, place, words) in [
            ("original_topic = \"t\"\noriginal_offset = \"o\"\n", "c.toml:4", "original_partition is missing"),
            ("attempt_as = \"int32be\"\n", "c.toml:4", "no header"),
            ("attempt = \"a\"\nattempt_as = \"int16\"\n", "c.toml:5", "int64be"),
            ("newest = \"middle\"\n", "c.toml:4", "neither first nor last"),
            ("offset = \"o\"\n", "c.toml:4", "original_offset"),
            ("group = 3\n", "c.toml:4", "quotes"),
        ] {
            let mistakes = loaded(headers).expect_err(headers);
            let said = mistakes.iter().any(|said| said.starts_with(place) && said.contains(words));
            assert!(said, "{headers}: {mistakes:?}");
        }
    }
}
