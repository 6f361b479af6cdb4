//! A command line with all that is wrong with its values at once: clap stops at the first.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;
use std::fmt::Write as _;

/// Why a command line was not taken.
pub(crate) enum Refusal {
    /// What clap says: one error, or help.
    Clap(clap::Error),
    /// Several values are wrong.
    Values(String),
}

/// The command of `arguments`.
pub(crate) fn parse<P: Parser>(mut arguments: Vec<OsString>) -> Result<P, Refusal> {
    let mut wrong: Vec<clap::Error> = Vec::new();
    // each value that is wrong is taken out, and the rest read again
    loop {
        let error = match P::try_parse_from(&arguments) {
            Ok(parsed) if wrong.is_empty() => return Ok(parsed),
            Ok(_) => break,
            Err(error) => error,
        };
        let is_value = matches!(
            error.kind(),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue
        );
        if !is_value {
            // that may be for want of a value that was taken out
            if wrong.is_empty() {
                return Err(Refusal::Clap(error));
            }
            break;
        }
        let is_out = take_out(&mut arguments, &error).is_some();
        wrong.push(error);
        if !is_out {
            break;
        }
    }
    Err(match wrong.len() {
        1 => Refusal::Clap(wrong.remove(0)),
        _ => Refusal::Values(told(&wrong)),
    })
}

/// Takes the value out of `arguments` that `error` is about, with its flag where it is the only one; none where it is not found behind a flag.
fn take_out(arguments: &mut Vec<OsString>, error: &clap::Error) -> Option<()> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (flag, value) = (
        text(ContextKind::InvalidArg)?,
        text(ContextKind::InvalidValue)?,
    );
    let flag = flag
        .split(' ')
        .next()
        .filter(|flag| flag.starts_with("--"))?;
    for at in 1..arguments.len() {
        let Some(argument) = arguments[at].to_str() else {
            continue;
        };
        let joined = argument
            .strip_prefix(flag)
            .and_then(|rest| rest.strip_prefix('='));
        let (last, values) = match joined {
            Some(values) => (at, values),
            None if argument == flag => (at + 1, arguments.get(at + 1)?.to_str()?),
            None => continue,
        };
        // a list has commas, and so may a value that is whole
        if values == value {
            arguments.drain(at..=last);
            return Some(());
        }
        let parts: Vec<&str> = values.split(',').collect();
        if let Some(place) = parts.iter().position(|&part| part == value) {
            let rest = [&parts[..place], &parts[place + 1..]].concat().join(",");
            let kept = if last == at {
                format!("{flag}={rest}")
            } else {
                rest
            };
            arguments[last] = kept.into();
            return Some(());
        }
    }
    None
}

/// Every error, and once how to get help.
fn told(wrong: &[clap::Error]) -> String {
    let mut text = String::new();
    let mut help = "";
    let rendered: Vec<String> = wrong.iter().map(|error| error.to_string()).collect();
    for one in &rendered {
        let (what, tip) = one.split_once("\n\nFor more").unwrap_or((one, ""));
        let _ = writeln!(text, "{}", what.trim_end());
        help = tip;
    }
    if !help.is_empty() {
        let _ = write!(text, "\nFor more{help}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[arg(long)]
        number: Option<u8>,
        #[arg(long, value_delimiter = ',')]
        list: Vec<u8>,
        #[arg(long, value_parser = crate::args::key_value)]
        set: Vec<(String, String)>,
        #[arg(long)]
        needed: u8,
        place: Option<u8>,
    }

    fn read(line: &str) -> Result<Flags, Refusal> {
        parse(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn property_every_value_that_is_wrong_is_named() {
        let lines: [(&str, &[&str]); 5] = [
            (
                "x --number y --list 1,b,2,c --set d --set e=1 --set f --needed 1",
                &["'y'", "'b'", "'c'", "'d'", "'f'"],
            ),
            (
                "x --number=y --list=b,1,b --needed=z",
                &["'y'", "'b'", "'b'", "'z'"],
            ),
            (
                "x --needed 300 --number 300 --list 300",
                &[
                    "'300' for '--needed",
                    "'300' for '--number",
                    "'300' for '--list",
                ],
            ),
            // where a value stands by itself nothing can be taken out
            ("x --number y --needed 1 z", &["'y'", "'z'"]),
            // and what is missing after that is not the user's fault
            ("x --needed y --list z", &["'y'", "'z'"]),
        ];
        for (line, wrong) in lines {
            let Err(Refusal::Values(text)) = read(line) else {
                panic!("{line}");
            };
            for what in wrong {
                assert!(
                    text.contains(&format!("invalid value {what}")),
                    "{line}: {text}"
                );
            }
            assert_eq!(
                text.matches("invalid value").count(),
                wrong.len(),
                "{line}: {text}"
            );
            assert_eq!(text.matches("For more information").count(), 1, "{text}");
        }
    }

    #[test]
    fn property_one_error_and_none_are_those_of_clap() {
        for line in [
            "x --needed y",
            "x --nothing 1",
            "x",
            "x --help",
            "x --needed 1 z",
        ] {
            let Err(Refusal::Clap(error)) = read(line) else {
                panic!("{line}");
            };
            let arguments = line.split(' ');
            assert_eq!(
                error.to_string(),
                Flags::try_parse_from(arguments).unwrap_err().to_string()
            );
        }
        let read = read("x --needed 1 --list 1,2 --set a=b 7 --number 3");
        let Ok(flags) = read else { panic!() };
        assert_eq!(
            (flags.needed, flags.list, flags.place, flags.number),
            (1, vec![1, 2], Some(7), Some(3))
        );
        assert_eq!(flags.set.len(), 1);
    }
}
