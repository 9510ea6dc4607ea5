//! The header of a `.npy` file: a Python dict literal with three known keys.

use crate::error::{Error, Result};

/// What the dict says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub descr: String,
    pub fortran: bool,
    pub shape: Vec<u64>,
}

pub(super) fn parse(text: &str) -> Result<Header> {
    let mut parser = Parser {
        rest: text.trim_end_matches(['\n', ' ', '\0']),
    };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    parser.expect('{')?;
    while !parser.take('}') {
        let key = parser.string()?;
        parser.expect(':')?;
        match key {
            "descr" => descr = Some(parser.string()?.to_string()),
            "fortran_order" => fortran = Some(parser.boolean()?),
            "shape" => shape = Some(parser.shape()?),
            other => {
                return Err(Error::corrupt(format!(
                    "its header has the unknown key {other:?}"
                )));
            }
        }
        if !parser.take(',') {
            parser.expect('}')?;
            break;
        }
    }
    match (descr, fortran, shape) {
        (Some(descr), Some(fortran), Some(shape)) => Ok(Header {
            descr,
            fortran,
            shape,
        }),
        _ => Err(Error::corrupt("its header lacks descr, fortran_order or shape")),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) {
            return Ok(());
        }
        let next: String = self.rest.chars().take(12).collect();
        Err(Error::corrupt(format!(
            "its header has {next:?} where {wanted:?} is expected"
        )))
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.take('"') { '"' } else { '\'' };
        if quote == '\'' {
            if self.rest.trim_start().starts_with('[') {
                return Err(Error::corrupt(
                    "it is an array of records, of which none is read here",
                ));
            }
            self.expect('\'')?;
        }
        match self.rest.split_once(quote) {
            Some((text, rest)) => {
                self.rest = rest;
                Ok(text)
            }
            None => Err(Error::corrupt("its header has a text without end")),
        }
    }

    fn boolean(&mut self) -> Result<bool> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(Error::corrupt(
            "its header has no True or False for fortran_order",
        ))
    }

    fn shape(&mut self) -> Result<Vec<u64>> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            self.rest = self.rest.trim_start();
            let end = self
                .rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            let size = digits
                .parse()
                .map_err(|_| Error::corrupt("its header has a size that is no whole number"))?;
            // Python 2 wrote long integers as 12L.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            shape.push(size);
            if shape.len() > 64 {
                return Err(Error::corrupt("it has more than 64 dimensions"));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}
