//! `[log]`: what the program says of its work.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{
    reader::{Table, Value, quoted},
    source::Read,
};

/// The log.
#[derive(Clone, Debug)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written: a level for everything, then exceptions by module, as in `info,sqlx=warn`.
    pub level: Targets,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Text` on a terminal, else `Json`.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: Targets::new().with_default(LevelFilter::INFO) }
    }
}

impl Log {
    /// Reads the section.
    pub(super) fn read(mut table: Table<'_>) -> Read<Self> {
        const FORMATS: [(&str, LogFormat); 3] =
            [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
        let default = Self::default();
        let format = table.or("format", default.format, |value| value.one_of(&FORMATS));
        let level = table.or("level", default.level, |value| level(&value));
        table.finish()?;
        Ok(Self { format: format?, level: level? })
    }
}

fn level(value: &Value<'_>) -> Read<Targets> {
    let text = value.string()?;
    // A misspelt level would be taken for the name of a module, and silence everything else: hence the level for
    // everything must be there.
    text.parse().ok().filter(|targets: &Targets| targets.default_level().is_some()).ok_or_else(|| {
        value.report(format_args!(
            "{} is not a level (error, warn, info, debug, trace, off), or a level and exceptions to it such as \
             \"info,sqlx=warn\"",
            quoted(text)
        ))
    })
}
