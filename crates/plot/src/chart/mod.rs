//! A figure as SVG, laid out the same way for paper and for the screen.
//!
//! A plotting library would not do: a paper needs sizes in points, names beside their lines instead of a legend box,
//! and text measured in the embedded font; a report needs colours that follow the reader's theme, and marks that a
//! script can find by series.

mod axes;
mod layout;
mod legend;
mod pen;
mod series;

use crate::figure::Figure;
use crate::text::{FAMILY, FONT, escape, font_source};
use crate::theme::{self, Theme};
use layout::Plot;
use pen::Pen;
use std::fmt::Write as _;

/// The figure as a file for a paper: 3.5 inch wide, with its font inside.
#[must_use]
pub fn svg(figure: &Figure) -> String {
    draw(figure, &theme::PAPER)
}

pub(crate) fn draw(figure: &Figure, theme: &Theme) -> String {
    let plot = Plot::new(figure, theme);
    let mut pen = Pen {
        svg: String::new(),
        theme,
    };
    head(&mut pen, figure, &plot);
    axes::grid(&mut pen, figure, &plot);
    axes::references(&mut pen, figure, &plot);
    for (place, series) in figure.series.iter().enumerate() {
        let open = format!(
            "<g class=\"mark\" data-series=\"{}\">",
            escape(&series.name)
        );
        pen.svg += &open;
        series::draw(&mut pen, &plot, series, place);
        pen.svg += "</g>\n";
    }
    series::published(&mut pen, figure, &plot);
    legend::draw(&mut pen, figure, &plot);
    pen.svg + "</svg>\n"
}

fn head(pen: &mut Pen<'_>, figure: &Figure, plot: &Plot<'_>) {
    let (width, height) = (pen.theme.width, plot.height);
    let (title, caption) = (escape(&figure.title), escape(&figure.caption));
    if pen.theme.screen {
        let key = if figure.is_horizontal() {
            &plot.y
        } else {
            &plot.x
        };
        writeln!(
            pen.svg,
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height:.1}\" role=\"img\" tabindex=\"0\" \
             aria-label=\"{title}. Arrow keys read the values.\" fill=\"none\" \
             data-plot=\"{:.1} {:.1} {:.1} {:.1} {} {} {}\">",
            plot.left,
            plot.top,
            plot.right,
            plot.bottom,
            key.low,
            key.high,
            u8::from(key.log)
        )
        .expect("a string takes everything");
        return;
    }
    write!(
        pen.svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.4}in\" height=\"{:.4}in\" \
         viewBox=\"0 0 {width} {height:.1}\" role=\"img\" fill=\"none\" font-family=\"{FAMILY}\">\n\
         <title>{title}</title>\n<desc>{caption}</desc>\n\
         <style>@font-face{{font-family:Arimo;src:{}}}</style>\n\
         <rect width=\"{width}\" height=\"{height:.1}\" fill=\"#ffffff\"/>\n",
        width / 72.0,
        height / 72.0,
        font_source(FONT)
    )
    .expect("a string takes everything");
}
