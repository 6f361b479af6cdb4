//! A report: a page of sections, written as HTML.

use super::chart;
use super::table::Table;
use crate::text::{BOLD, FONT, escape, font_source};
use crate::theme::{DARK, DARK_INKS, LIGHT, LIGHT_INKS, SCREEN, marker};
use crate::{Figure, Map};
use std::fmt::Write as _;

/// A whole report.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its name.
    pub title: String,
    /// What was asked, in a sentence.
    pub question: String,
    /// What was found, in a sentence.
    pub answer: String,
    /// What was run, in a line.
    pub caption: String,
    /// In the order of reading.
    pub sections: Vec<Section>,
}

/// A part of a report under a heading of its own.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its anchor.
    pub id: String,
    /// Its heading.
    pub heading: String,
    /// What it holds.
    pub blocks: Vec<Content>,
}

/// What a section is made of.
#[derive(Clone, Debug)]
pub enum Content {
    /// A paragraph.
    Text(String),
    /// A chart, with its values in a table behind it.
    Chart(Box<Figure>),
    /// A map with what it shows.
    Map {
        /// The map.
        map: Box<Map>,
        /// Below it.
        caption: String,
    },
    /// A table.
    Table(Table),
    /// Names and what they stand for.
    Facts(Vec<(String, String)>),
    /// A long text, folded until the reader opens it.
    Source {
        /// What it is.
        heading: String,
        /// Shown as it is.
        text: String,
    },
}

impl Page {
    /// The file.
    #[must_use]
    pub fn to_html(&self) -> String {
        let title = escape(&self.title);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data:\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n\
             <a class=\"skip\" href=\"#main\">Skip to the results</a>\n\
             <header>\n<p class=\"kind\">Wayside report</p>\n<h1>{title}</h1>\n\
             <p class=\"question\">{}</p>\n",
            style(),
            escape(&self.question)
        );
        if !self.answer.is_empty() {
            writeln!(html, "<p class=\"answer\">{}</p>", escape(&self.answer)).expect("a string");
        }
        writeln!(html, "<p class=\"caption\">{}</p>", escape(&self.caption)).expect("a string");
        html += "<nav aria-label=\"Sections\"><ul>\n";
        for section in &self.sections {
            let (id, heading) = (escape(&section.id), escape(&section.heading));
            writeln!(html, "<li><a href=\"#{id}\">{heading}</a></li>").expect("a string");
        }
        html += "</ul></nav>\n</header>\n";
        self.switches(&mut html);
        html += "<main id=\"main\">\n";
        for section in &self.sections {
            section.write(&mut html);
        }
        html += "</main>\n<div id=\"tip\" aria-hidden=\"true\" hidden></div>\n\
                 <div id=\"said\" class=\"unseen\" aria-live=\"polite\"></div>\n<script>\n";
        html += include_str!("page.js");
        html + "</script>\n</body>\n</html>\n"
    }

    /// A button for every series of the charts, by name.
    fn switches(&self, html: &mut String) {
        let blocks = self.sections.iter().flat_map(|s| &s.blocks);
        let figures = blocks.filter_map(|b| match b {
            Content::Chart(figure) => Some(figure),
            _ => None,
        });
        let mut names: Vec<(&str, usize)> = Vec::new();
        for series in figures.flat_map(|f| &f.series) {
            let bound = series.style == crate::BOUND;
            if !bound && names.iter().all(|(name, _)| *name != series.name) {
                names.push((&series.name, series.style));
            }
        }
        if names.len() < 2 {
            return;
        }
        *html += "<div class=\"switches\" role=\"group\" aria-label=\"Shown in every chart\">\n<span aria-hidden=\"true\">Show</span>\n";
        for (name, style) in names {
            let name = escape(name);
            writeln!(
                html,
                "<button type=\"button\" aria-pressed=\"true\" data-switch=\"{name}\">\
                 <svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path d=\"{}\" fill=\"var(--s{})\"/></svg>{name}</button>",
                marker(style, 7.0, 7.0, 5.0),
                style % LIGHT.len()
            )
            .expect("a string");
        }
        *html += "<button type=\"button\" id=\"all\">all</button>\n</div>\n";
    }
}

impl Section {
    /// A section of `blocks`; `None` without any, so that no empty section is shown.
    #[must_use]
    pub fn new(id: &str, heading: &str, blocks: Vec<Content>) -> Option<Self> {
        (!blocks.is_empty()).then(|| Self {
            id: id.into(),
            heading: heading.into(),
            blocks,
        })
    }

    fn write(&self, html: &mut String) {
        let (id, heading) = (escape(&self.id), escape(&self.heading));
        writeln!(
            html,
            "<section id=\"{id}\" aria-labelledby=\"{id}-heading\">\n<h2 id=\"{id}-heading\">{heading}</h2>"
        )
        .expect("a string");
        for block in &self.blocks {
            block.write(html);
        }
        *html += "</section>\n";
    }
}

impl Content {
    fn write(&self, html: &mut String) {
        match self {
            Self::Text(text) => writeln!(html, "<p>{}</p>", escape(text)),
            Self::Chart(figure) => {
                chart::write(html, figure);
                Ok(())
            }
            Self::Map { map, caption } => writeln!(
                html,
                "<figure>\n{}<figcaption>{}</figcaption>\n</figure>",
                crate::map::draw(map, &SCREEN),
                escape(caption)
            ),
            Self::Table(table) => {
                table.write(html);
                Ok(())
            }
            Self::Facts(facts) => {
                *html += "<dl>\n";
                for (name, value) in facts {
                    let (name, value) = (escape(name), escape(value));
                    writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>").expect("a string");
                }
                writeln!(html, "</dl>")
            }
            Self::Source { heading, text } => writeln!(
                html,
                "<details class=\"source\"><summary>{}</summary>\n<pre tabindex=\"0\">{}</pre>\n</details>",
                escape(heading),
                escape(text)
            ),
        }
        .expect("a string takes everything");
    }
}

/// The style sheet: the colours of the figures, light and dark, and the font.
fn style() -> String {
    let colors = |inks: [&str; 4], series: [&str; 12]| {
        let [ink, muted, grid, paper] = inks;
        let mut css = format!("--ink:{ink};--muted:{muted};--grid:{grid};--paper:{paper};");
        for (i, color) in series.iter().enumerate() {
            write!(css, "--s{i}:{color};").expect("a string");
        }
        css
    };
    let (light, dark) = (colors(LIGHT_INKS, LIGHT), colors(DARK_INKS, DARK));
    let mut css = String::new();
    for (weight, font) in [(400, FONT), (700, BOLD)] {
        writeln!(
            css,
            "@font-face{{font-family:Arimo;font-weight:{weight};src:{}}}",
            font_source(font)
        )
        .expect("a string");
    }
    write!(
        css,
        ":root{{{light}--wash:#f4f5f7}}\n\
         @media screen and (prefers-color-scheme:dark){{:root{{{dark}--wash:#20242a}}}}\n"
    )
    .expect("a string");
    css + include_str!("page.css")
}
