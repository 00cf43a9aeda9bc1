//! Tables as CSV (RFC 4180), read strictly: what a lenient reader skips would be room for anything. One table has
//! one text here, but for the line ends and whether a column is quoted all along.

use super::{Column, ColumnKind, CsvShape};
use crate::text::visible;

/// Longest cell of a table whose columns are not agreed, in bytes.
const MAX_CELL: usize = 1 << 20;
/// Most columns of such a table.
const MAX_COLUMNS: usize = 10_000;

/// What stands after the bytes that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    RowStart,
    CellStart,
    Bare,
    Quoted,
    /// After a quote inside a quoted cell: its end, or the first half of a doubled one.
    Quote,
    /// After CR; LF follows.
    Return,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Nothing,
    Byte(u8),
    Cell,
    Row,
}

/// Takes CSV apart byte by byte.
#[derive(Debug, Default)]
struct Reader {
    state: State,
    /// Whether the cell that ends now was quoted.
    quoted: bool,
    /// Whether lines end with CRLF, once one has ended.
    crlf: Option<bool>,
}

impl Reader {
    fn feed(&mut self, byte: u8) -> Result<Token, &'static str> {
        use State as S;
        let (state, token) = match (self.state, byte) {
            (S::Return, b'\n') => (S::RowStart, self.line_end(true)?),
            (S::Return, _) => return Err("a CR without LF"),
            (S::RowStart, b'\r' | b'\n') => return Err("an empty line"),
            (S::RowStart | S::CellStart, b'"') => {
                self.quoted = true;
                (S::Quoted, Token::Nothing)
            }
            (S::Quoted, b'"') => (S::Quote, Token::Nothing),
            (S::Quoted, byte) => (S::Quoted, Token::Byte(byte)),
            (S::Quote, b'"') => (S::Quoted, Token::Byte(b'"')),
            (_, b',') => (S::CellStart, Token::Cell),
            (_, b'\r') => (S::Return, Token::Nothing),
            (_, b'\n') => (S::RowStart, self.line_end(false)?),
            (S::Quote, _) => return Err("something after the quote that ends a cell"),
            (_, b'"') => return Err("a quote in a cell that does not begin with one"),
            (_, byte) => {
                self.quoted = false;
                (S::Bare, Token::Byte(byte))
            }
        };
        if matches!(self.state, S::CellStart) && matches!(byte, b',' | b'\r' | b'\n')
            || matches!(self.state, S::RowStart) && byte == b','
        {
            self.quoted = false;
        }
        self.state = state;
        Ok(token)
    }

    fn line_end(&mut self, crlf: bool) -> Result<Token, &'static str> {
        if *self.crlf.get_or_insert(crlf) != crlf {
            return Err("lines end now with LF, now with CRLF");
        }
        Ok(Token::Row)
    }

    /// The end of the text: the last line need not have an end.
    fn finish(&mut self) -> Result<Token, &'static str> {
        match self.state {
            State::RowStart => Ok(Token::Nothing),
            State::Quoted => Err("a quoted cell has no end"),
            State::Return => Err("a CR without LF"),
            State::CellStart => {
                self.quoted = false;
                Ok(Token::Row)
            }
            State::Bare | State::Quote => Ok(Token::Row),
        }
    }
}

/// The part of the `csv` clause that broke, as the end of its id; and what broke it.
pub(super) type Fault = (String, String);

fn whole(detail: impl Into<String>) -> Fault {
    (String::new(), detail.into())
}

fn column(at: usize, detail: impl Into<String>) -> Fault {
    (format!(".columns[{at}]"), detail.into())
}

/// How the cells of a column were written so far. A choice for each cell would be a bit of room for each.
#[derive(Clone, Debug, Default)]
struct Habit {
    /// Whether cells that need no quotes have them.
    quoted: Option<bool>,
    /// The same for empty cells.
    empty_quoted: Option<bool>,
    /// Whether it is `True` instead of `true`.
    capital: Option<bool>,
}

impl Habit {
    /// What is wrong with a cell of this column.
    fn look(&mut self, cell: &str, quoted: bool, wanted: &Column) -> Result<(), String> {
        let as_before = |habit: &mut Option<bool>, now: bool| *habit.get_or_insert(now) == now;
        let quotes = match cell {
            "" if !wanted.optional => return Err("empty".to_owned()),
            "" => as_before(&mut self.empty_quoted, quoted),
            _ if cell.contains([',', '"', '\r', '\n']) => true,
            _ => as_before(&mut self.quoted, quoted),
        };
        if !quotes {
            return Err("quotes that other cells of the column don't have, or none".to_owned());
        }
        if cell.is_empty() {
            return Ok(());
        }
        wanted.kind.check(cell)?;
        let capital = cell.starts_with(['T', 'F']);
        if wanted.kind == ColumnKind::Boolean && !as_before(&mut self.capital, capital) {
            return Err("now `true`, now `True`".to_owned());
        }
        Ok(())
    }
}

/// Holds a table against its shape. Memory is one cell.
#[derive(Debug, Default)]
pub(super) struct Check {
    reader: Reader,
    cell: Vec<u8>,
    at: usize,
    /// Rows that are complete, the header among them.
    rows: u64,
    habits: Vec<Habit>,
}

impl Check {
    pub(super) fn push(&mut self, bytes: &[u8], shape: &CsvShape) -> Result<(), Fault> {
        for byte in bytes {
            let token = self.reader.feed(*byte).map_err(|fault| whole(self.place(fault)))?;
            self.take(token, shape)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, shape: &CsvShape) -> Result<(), Fault> {
        let token = self.reader.finish().map_err(|fault| whole(self.place(fault)))?;
        self.take(token, shape)?;
        if self.rows == 0 { Err(whole("no header")) } else { Ok(()) }
    }

    fn place(&self, fault: impl std::fmt::Display) -> String {
        format!("line {}: {fault}", self.rows + 1)
    }

    fn take(&mut self, token: Token, shape: &CsvShape) -> Result<(), Fault> {
        match token {
            Token::Nothing => Ok(()),
            Token::Byte(byte) => self.byte(byte, shape),
            Token::Cell => {
                self.end_cell(shape)?;
                self.at += 1;
                if self.at >= shape.columns.len() {
                    return Err(whole(self.place("more cells than columns")));
                }
                Ok(())
            }
            Token::Row => {
                self.end_cell(shape)?;
                if self.at + 1 != shape.columns.len() {
                    return Err(whole(self.place("fewer cells than columns")));
                }
                self.at = 0;
                self.rows += 1;
                Ok(())
            }
        }
    }

    fn byte(&mut self, byte: u8, shape: &CsvShape) -> Result<(), Fault> {
        if self.at == 0 && self.cell.is_empty() && self.rows > shape.max_rows {
            // Said at the first byte, not when the row is complete.
            return Err(self.too_many(shape));
        }
        let wanted = &shape.columns[self.at];
        // In the header there is room for a byte order mark, which is named.
        let most = if self.rows == 0 { wanted.name.len().max(3) } else { wanted.kind.max_len() };
        self.cell.push(byte);
        match self.rows {
            _ if self.cell.len() <= most => Ok(()),
            0 => Err(self.header(shape)),
            _ => Err(column(self.at, self.place(format!("longer than {most} bytes")))),
        }
    }

    fn too_many(&self, shape: &CsvShape) -> Fault {
        (".max_rows".to_owned(), format!("more than {} rows", shape.max_rows))
    }

    fn header(&self, shape: &CsvShape) -> Fault {
        let found = visible(&String::from_utf8_lossy(&self.cell));
        if self.at == 0 && self.cell.starts_with("\u{feff}".as_bytes()) {
            return whole("begins with a byte order mark: write it without one");
        }
        let wanted = &shape.columns[self.at].name;
        whole(format!("the header says `{found}` where `{wanted}` is agreed"))
    }

    fn end_cell(&mut self, shape: &CsvShape) -> Result<(), Fault> {
        let wanted = &shape.columns[self.at];
        if self.rows == 0 {
            if self.cell != wanted.name.as_bytes() {
                return Err(self.header(shape));
            }
            self.cell.clear();
            return Ok(());
        }
        if self.rows > shape.max_rows {
            return Err(self.too_many(shape));
        }
        self.habits.resize(shape.columns.len(), Habit::default());
        let Ok(cell) = std::str::from_utf8(&self.cell) else {
            return Err(column(self.at, self.place("not UTF-8")));
        };
        if let Err(fault) = self.habits[self.at].look(cell, self.reader.quoted, wanted) {
            return Err(column(self.at, self.place(format!("`{}`: {fault}", visible(cell)))));
        }
        self.group_size(cell, shape)?;
        self.cell.clear();
        Ok(())
    }

    fn group_size(&self, cell: &str, shape: &CsvShape) -> Result<(), Fault> {
        let Some(group) = &shape.min_group_size else { return Ok(()) };
        if shape.columns[self.at].name != group.column {
            return Ok(());
        }
        match super::column::integer(cell) {
            Some(count) if u64::try_from(count).is_ok_and(|count| count >= group.at_least) => {
                Ok(())
            }
            _ => Err((
                ".min_group_size".to_owned(),
                self.place(format!("{} is less than {}", visible(cell), group.at_least)),
            )),
        }
    }
}

/// Holds a table of any columns against being one: as many cells in each row.
#[derive(Debug, Default)]
pub(super) struct Rectangle {
    reader: Reader,
    utf8: super::media::Utf8,
    width: Option<usize>,
    at: usize,
    len: usize,
}

impl Rectangle {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.utf8.push(bytes, |_| Ok(()))?;
        for byte in bytes {
            let token = self.reader.feed(*byte)?;
            self.take(token)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), String> {
        self.utf8.finish()?;
        let token = self.reader.finish()?;
        self.take(token)?;
        if self.width.is_none() { Err("no header".to_owned()) } else { Ok(()) }
    }

    fn take(&mut self, token: Token) -> Result<(), String> {
        match token {
            Token::Nothing => {}
            Token::Byte(_) => {
                self.len += 1;
                if self.len > MAX_CELL {
                    return Err(format!("a cell longer than {MAX_CELL} bytes"));
                }
            }
            Token::Cell => {
                self.len = 0;
                self.at += 1;
                if self.at >= self.width.unwrap_or(MAX_COLUMNS) {
                    return Err("too many cells in a row".to_owned());
                }
            }
            Token::Row => {
                self.len = 0;
                let width = std::mem::take(&mut self.at) + 1;
                if *self.width.get_or_insert(width) != width {
                    return Err("rows have different numbers of cells".to_owned());
                }
            }
        }
        Ok(())
    }
}
