//! A figure as data. The backends decide how it looks.

/// A figure: all that a backend needs to draw it, and all that its CSV holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Stem of its files, and its anchor in a report.
    pub id: String,
    /// What it shows, in a line.
    pub title: String,
    /// How to read it, for the caption.
    pub caption: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is compared, in the order of the key.
    pub series: Vec<Series>,
    /// Lines and zones to compare with: a bound, a deadline.
    pub references: Vec<Reference>,
    /// Points that a paper printed.
    pub published: Vec<Published>,
    /// Where the names of the series stand.
    pub names: Names,
}

/// Where the names of the series stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// At the right end of each line.
    AtEnd,
    /// In a line above the plot: where lines end in one point, or there are only dots.
    Above,
    /// Nowhere: they are the categories of an axis.
    OnAxis,
}

/// An axis: what it measures and in which unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// The name of its column in a CSV, where the label would make a poor one.
    pub name: Option<&'static str>,
    /// The unit; `None` for shares and other plain numbers.
    pub unit: Option<&'static str>,
    /// How values map to positions.
    pub scale: Scale,
    /// Names of the positions 0, 1, ... from the top; empty for numbers.
    pub categories: Vec<String>,
}

/// How values map to positions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// Linear, as far as the values reach.
    #[default]
    Linear,
    /// Linear, from zero.
    FromZero,
    /// Linear, between two given values.
    Between(f64, f64),
    /// Logarithmic; values that are not positive lie on the low end.
    Log,
}

/// One of several things that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name; a report hides and shows series of one name together.
    pub name: String,
    /// Which colour, marker and dash; the same in every figure of a report.
    pub style: usize,
    /// Whether its points are joined.
    pub joined: bool,
    /// In the order of x, or of the categories.
    pub points: Vec<Point>,
}

/// A value with its 95 % interval, which lies along the axis that has no categories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// Position on the horizontal axis.
    pub x: f64,
    /// Position on the vertical axis.
    pub y: f64,
    /// Ends of the interval, or of the envelope that the caption speaks of.
    pub interval: Option<[f64; 2]>,
    /// What is printed beside it.
    pub label: Option<String>,
}

/// Something to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Which axis it is a value of.
    pub of: Direction,
    /// From where to where; equal for a line.
    pub zone: [f64; 2],
    /// What it is.
    pub label: String,
}

/// An axis of the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The horizontal one.
    X,
    /// The vertical one.
    Y,
}

/// A point that a paper printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Name of the series that it belongs to.
    pub series: String,
    /// Position on the horizontal axis.
    pub x: f64,
    /// Position on the vertical axis.
    pub y: f64,
    /// Where it is printed.
    pub source: String,
}

impl Axis {
    /// An axis of numbers.
    #[must_use]
    pub fn new(label: &str, unit: Option<&'static str>, scale: Scale) -> Self {
        Self {
            label: label.into(),
            unit,
            scale,
            ..Self::default()
        }
    }

    /// With `name` as its column in a CSV.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    /// An axis of names.
    #[must_use]
    pub fn of(label: &str, categories: Vec<String>) -> Self {
        Self {
            label: label.into(),
            categories,
            ..Self::default()
        }
    }

    /// Label and unit, as they are printed beside the axis.
    #[must_use]
    pub fn title(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} [{unit}]", self.label),
            None => self.label.clone(),
        }
    }

    /// Name of the column of its values: `delay_s`.
    #[must_use]
    pub fn column(&self) -> String {
        if let Some(name) = self.name {
            return name.to_owned();
        }
        let unit = match self.unit {
            Some("%") => Some("percent"),
            unit => unit,
        };
        let words = [Some(self.label.as_str()), unit].into_iter().flatten();
        let mut name = words.collect::<Vec<_>>().join("_").to_lowercase();
        name.retain(|c| c.is_ascii_alphanumeric() || " _-".contains(c));
        name.replace([' ', '-'], "_")
    }

    /// `value` in words: its category, or the number.
    #[must_use]
    pub fn value(&self, value: f64) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a category's place"
        )]
        let category = self.categories.get(value.round() as usize);
        category.map_or_else(|| value.to_string(), Clone::clone)
    }
}

impl Figure {
    /// Whether the values lie along the horizontal axis, because the vertical one has categories.
    #[must_use]
    pub fn is_horizontal(&self) -> bool {
        !self.y.categories.is_empty()
    }

    /// The axis of values.
    #[must_use]
    pub fn value_axis(&self) -> &Axis {
        if self.is_horizontal() {
            &self.x
        } else {
            &self.y
        }
    }

    /// The axis of what they are values of.
    #[must_use]
    pub fn key_axis(&self) -> &Axis {
        if self.is_horizontal() {
            &self.y
        } else {
            &self.x
        }
    }

    /// The value of `point`.
    #[must_use]
    pub fn value(&self, point: &Point) -> f64 {
        if self.is_horizontal() {
            point.x
        } else {
            point.y
        }
    }

    /// What it is the value of.
    #[must_use]
    pub fn key(&self, point: &Point) -> f64 {
        if self.is_horizontal() {
            point.y
        } else {
            point.x
        }
    }
}
