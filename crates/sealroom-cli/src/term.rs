//! The one place that prints: data to stdout, everything else to stderr.

use crate::error::CliError;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sealroom_client::Progress;
use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Mutex,
    time::Duration,
};

/// Where output goes, and how.
pub(crate) struct Term {
    json: bool,
    colour: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Term {
    pub(crate) fn new(json: bool) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour, bar: Mutex::new(None) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints data: as JSON when asked for, otherwise as `text` makes it.
    pub(crate) fn data<T: serde::Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) {
        let text = if self.json {
            serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string())
        } else {
            text(value)
        };
        print(&text);
    }

    /// Says something that is no data.
    pub(crate) fn say(&self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says something that nobody should miss.
    pub(crate) fn warn(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", self.red(text));
    }

    /// Prints an error and gives the exit code.
    pub(crate) fn fail(&self, error: &CliError) -> ExitCode {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "error: {}", error.message);
        for cause in &error.causes {
            let _ = writeln!(err, "  caused by: {cause}");
        }
        if let Some(hint) = &error.hint {
            let _ = writeln!(err, "hint: {hint}");
        }
        error.exit
    }

    pub(crate) fn green(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn yellow(&self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn red(&self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A spinner for a wait; it is gone when it is dropped. Absent without a terminal.
    pub(crate) fn waiting(&self, text: &str) -> Waiting {
        let bar = ProgressBar::with_draw_target(None, self.target());
        bar.set_style(style("{spinner} {msg} ({elapsed})"));
        bar.set_message(text.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Waiting(bar)
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.json {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        }
    }
}

/// Prints text on stdout. A closed pipe is no error.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = if text.ends_with('\n') { write!(out, "{text}") } else { writeln!(out, "{text}") };
    let _ = out.flush();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A wait that is shown.
pub(crate) struct Waiting(ProgressBar);

impl Waiting {
    pub(crate) fn text(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Term {
    fn begin(&self, what: &str, total: u64) {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        bar.set_style(style("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"));
        bar.set_message(what.to_owned());
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    fn advance(&self, bytes: u64) {
        if let Ok(Some(bar)) = self.bar.lock().as_deref() {
            bar.inc(bytes);
        }
    }

    fn end(&self) {
        if let Ok(mut slot) = self.bar.lock()
            && let Some(bar) = slot.take()
        {
            bar.finish_and_clear();
        }
    }
}
