//! `hubbub config …`.

use hubbub_runtime::config::ConfigError;

use super::{DEFAULTS, Loaded, Settings, show};
use crate::{
    announce,
    cli::{Config, Format},
    failure::Failure,
};

pub(crate) fn run(
    loaded: Result<Loaded<Settings>, ConfigError>,
    what: Config,
) -> Result<(), Failure> {
    let text = match what {
        Config::Check { role } => {
            loaded?.settings.check(role)?;
            format!("the configuration is good for {}", role.name())
        }
        Config::Show => show::masked(&loaded?.document),
        Config::Default { format: Format::Toml } => DEFAULTS.to_owned(),
        Config::Default { format: Format::Markdown } => markdown(),
    };
    announce::say(format_args!("{}", text.trim_end()));
    Ok(())
}

/// `docs/configuration.md`.
fn markdown() -> String {
    format!("{}\n```toml\n{DEFAULTS}```\n", include_str!("configuration.md"))
}

#[cfg(test)]
mod tests {
    use super::markdown;

    #[test]
    fn the_page_about_settings_is_current() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(page).unwrap_or_default();
        assert!(
            page == markdown(),
            "write it anew: cargo run -- config default --format markdown > docs/configuration.md"
        );
    }
}
