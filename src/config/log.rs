//! `[log]`: what the program says of its work.

#[cfg(not(feature = "otlp"))]
use std::convert::Infallible;

use tracing_subscriber::filter::{LevelFilter, Targets};

#[cfg(feature = "otlp")]
use super::traces::Traces;
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
    /// Where traces are told; `None`: nowhere.
    #[cfg(feature = "otlp")]
    pub traces: Option<Traces>,
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
        Self {
            format: LogFormat::Auto,
            level: Targets::new().with_default(LevelFilter::INFO),
            #[cfg(feature = "otlp")]
            traces: None,
        }
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
        let traces = traces(&mut table);
        table.finish()?;
        let traces = traces?;
        #[cfg(not(feature = "otlp"))]
        let None = traces;
        Ok(Self {
            format: format?,
            level: level?,
            #[cfg(feature = "otlp")]
            traces,
        })
    }
}

#[cfg(feature = "otlp")]
fn traces(table: &mut Table<'_>) -> Read<Option<Traces>> {
    table.optional("traces", |value| Traces::read(value.table()?))
}

#[cfg(not(feature = "otlp"))]
fn traces(table: &mut Table<'_>) -> Read<Option<Infallible>> {
    table.refuse(
        "traces",
        "this program was built without traces; build it with: cargo build --release --features otlp",
    )?;
    Ok(None)
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
