//! What `wayside train --help` says below the flags.

use super::EXAMPLES;
use std::fmt::Write as _;
use wayside_learn::trainer::reference;

const ENCODERS: &str = "\
Encoders:
  sequential  one task after another, each seeing the load left by those before it; any number of
              vehicles and RSUs. A step is the decision for one task.
  shared      all tasks at once, the same network for each; any number of vehicles and RSUs. A step
              is a slot.
  flat        the paper's concatenated state; only the numbers of vehicles and RSUs it was trained
              with. A step is a slot.";

/// Width of the text, as clap's.
const WIDTH: usize = 100;

/// Encoders, all options of the training, examples.
pub(super) fn after() -> String {
    format!("{ENCODERS}\n\n{}\n{EXAMPLES}", options())
}

/// Every option with its meaning, from the definition that also reads it.
fn options() -> String {
    let mut text = String::from(
        "\
Options, for --option NAME=VALUE. They are named as in stable-baselines3 where it has them. Defaults
depend on algorithm, encoder and scenario: --list-options prints the values of a training.\n",
    );
    for group in reference() {
        let names: Vec<_> = group.algorithms.iter().map(|a| a.name()).collect();
        writeln!(text, "\n  {}:", names.join(", ")).expect("a String takes any text");
        for option in &group.options {
            entry(&mut text, option.name, option.doc);
        }
    }
    text
}

/// A name and its meaning, in two columns.
fn entry(text: &mut String, name: &str, doc: &str) {
    const COLUMN: usize = 26;
    let mut line = format!("    {name:<width$}", width = COLUMN - 4);
    for word in doc.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(COLUMN);
        }
        if line.len() > COLUMN {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
