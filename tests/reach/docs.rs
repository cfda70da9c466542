//! Every setting stands in the documentation.

use hopscope::config::keys::KEYS;

#[test]
fn every_setting_is_documented() {
    let text = include_str!("../../docs/connecting.md");
    for key in KEYS {
        let name = key.name.rsplit('.').find(|part| *part != "*").unwrap();
        // Ways of one secret are documented together.
        let family = name.rsplit_once('_').map_or(name, |(family, _)| family);
        let is_told =
            text.contains(&format!("`{name}`")) || text.contains(&format!("`{family}_...`")) || text.contains(name);
        assert!(is_told, "{} is not in docs/connecting.md", key.name);
    }
}
