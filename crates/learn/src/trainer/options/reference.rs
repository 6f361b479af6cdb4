//! Every option of a training with its meaning, by the algorithms that have it.

use wayside_core::config::{Field, Keys, describe};

use super::{AcConfig, Algorithm, Config, LysacConfig, PpoConfig, SacConfig, TrainOptions};

/// Options that the same algorithms have.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionGroup {
    /// These algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Their options, from the definition that also reads them.
    pub options: Vec<Field>,
}

/// All options of all algorithms. An option that means something else for another algorithm is in two groups.
#[must_use]
pub fn reference() -> Vec<OptionGroup> {
    let algorithms = [
        (Algorithm::Ppo, Config::Ppo(PpoConfig::default())),
        (Algorithm::Ac, Config::Ac(AcConfig::default())),
        (Algorithm::Sac, Config::Sac(SacConfig::default())),
        (Algorithm::Lysac, Config::Lysac(LysacConfig::default())),
    ];
    let mut options: Vec<(Field, Vec<Algorithm>)> = Vec::new();
    for (algorithm, mut config) in algorithms {
        let fields = describe(|s| {
            let mut k = Keys::Read(s);
            TrainOptions::default().keys(&mut k);
            config.keys(&mut k);
        });
        for field in fields {
            let same =
                |(other, _): &&mut (Field, _)| (other.name, other.doc) == (field.name, field.doc);
            match options.iter_mut().find(same) {
                Some((_, of)) => of.push(algorithm),
                None => options.push((field, vec![algorithm])),
            }
        }
    }
    let mut groups: Vec<OptionGroup> = Vec::new();
    for (field, algorithms) in options {
        match groups
            .iter_mut()
            .find(|group| group.algorithms == algorithms)
        {
            Some(group) => group.options.push(field),
            None => groups.push(OptionGroup {
                algorithms,
                options: vec![field],
            }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Help shows them as they are: no link, no option without a word.
    #[test]
    fn property_every_option_says_what_it_means() {
        let groups = reference();
        assert_eq!(
            groups[0].algorithms.len(),
            4,
            "options of the trainer come first"
        );
        for field in groups.iter().flat_map(|group| &group.options) {
            let doc = field.doc;
            assert!(
                doc.len() > 8 && !doc.contains("[`"),
                "{}: {doc}",
                field.name
            );
        }
    }
}
