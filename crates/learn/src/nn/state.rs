//! Checkpoints and policies: tensors by name in one safetensors file, with a JSON card in its header.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::input;

/// Key of the JSON in the header.
const CARD: &str = "wayside";

/// Tensors by name, and a JSON card for the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Counters, configuration, layout.
    pub card: serde_json::Value,
    tensors: BTreeMap<String, (Dtype, Vec<u8>)>,
}

/// A number with a fixed little-endian form and a dtype.
pub trait Element: Copy {
    /// Its safetensors type.
    const DTYPE: Dtype;
    /// Bytes of one.
    const SIZE: usize;
    /// Appends its bytes.
    fn write(self, out: &mut Vec<u8>);
    /// From exactly `SIZE` bytes.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:ident, $size:literal) => {
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const SIZE: usize = $size;
            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &[u8]) -> Self {
                let mut word = [0; $size];
                word.copy_from_slice(bytes);
                Self::from_le_bytes(word)
            }
        }
    };
}
element!(f32, F32, 4);
element!(f64, F64, 8);
element!(u32, U32, 4);
element!(u8, U8, 1);

impl State {
    /// A card, and no tensor yet.
    #[must_use]
    pub fn new(card: serde_json::Value) -> Self {
        Self {
            card,
            tensors: BTreeMap::new(),
        }
    }

    /// Adds a tensor, to the bit.
    pub fn put<T: Element>(&mut self, name: &str, values: &[T]) {
        let mut bytes = Vec::with_capacity(values.len() * T::SIZE);
        values.iter().for_each(|v| v.write(&mut bytes));
        self.tensors.insert(name.to_owned(), (T::DTYPE, bytes));
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// If it is missing or of another type.
    pub fn get<T: Element>(&self, name: &str) -> Result<Vec<T>> {
        match self.tensors.get(name) {
            None => Err(invalid(
                name,
                format!("must be a tensor of {:?}, got none", T::DTYPE),
            )),
            Some((dtype, _)) if *dtype != T::DTYPE => Err(invalid(
                name,
                format!("must be of {:?}, got {dtype:?}", T::DTYPE),
            )),
            Some((_, bytes)) => Ok(bytes.chunks_exact(T::SIZE).map(T::read).collect()),
        }
    }

    /// Whether all tensors of floating-point numbers hold finite ones: a network decides nothing with others, and learns nothing.
    ///
    /// # Errors
    /// One problem for every tensor that does not.
    pub fn check_finite(&self) -> Result<()> {
        let mut problems = Problems::default();
        for (name, (dtype, _)) in &self.tensors {
            let values: Vec<f64> = if *dtype == f32::DTYPE {
                self.get::<f32>(name)?.into_iter().map(f64::from).collect()
            } else if *dtype == f64::DTYPE {
                self.get(name)?
            } else {
                continue;
            };
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let message = format!("must hold finite numbers, got {} at {at}", values[at]);
                problems.push(problem(name, message));
            }
        }
        problems.into_result(())
    }

    /// The tensor called `name`, of exactly `len` numbers.
    ///
    /// # Errors
    /// If it is missing, of another type or of another length.
    pub fn get_len<T: Element>(&self, name: &str, len: usize) -> Result<Vec<T>> {
        let values = self.get(name)?;
        if values.len() == len {
            Ok(values)
        } else {
            Err(invalid(
                name,
                format!("must hold {len} numbers, got {}", values.len()),
            ))
        }
    }

    /// The value at a key of the card.
    ///
    /// # Errors
    /// If it is missing or of another form.
    pub fn card_value<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T> {
        let value = self
            .card
            .get(key)
            .cloned()
            .unwrap_or(serde_json::Value::Null);
        serde_json::from_value(value.clone()).map_err(|e| invalid(key, format!("{e}, got {value}")))
    }

    /// The list at a key of the card, of exactly `len` values.
    ///
    /// # Errors
    /// If it is missing, of another form or of another length.
    pub fn card_list<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        len: usize,
    ) -> Result<Vec<T>> {
        let values: Vec<T> = self.card_value(key)?;
        if values.len() == len {
            Ok(values)
        } else {
            let message = format!("must hold {len} values, got {}", values.len());
            Err(invalid(key, message))
        }
    }

    /// As bytes of a safetensors file.
    ///
    /// # Errors
    /// If the format cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, (dtype, bytes)) in &self.tensors {
            let view = TensorView::new(*dtype, vec![bytes.len() / (dtype.bitsize() / 8)], bytes);
            views.push((
                name.as_str(),
                view.map_err(|e| invalid(name, e.to_string()))?,
            ));
        }
        let header = [(CARD.to_owned(), self.card.to_string())]
            .into_iter()
            .collect();
        safetensors::serialize(views, Some(header)).map_err(|e| invalid("", e.to_string()))
    }

    /// From the bytes of a safetensors file; any bytes give a state or an error.
    ///
    /// # Errors
    /// If they are not a safetensors file, or not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |e: &dyn std::fmt::Display| {
            invalid(
                "",
                format!("must be a safetensors file of wayside, got: {e}"),
            )
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| wrong(&e))?;
        let card = header
            .metadata()
            .as_ref()
            .and_then(|m| m.get(CARD))
            .ok_or_else(|| wrong(&"no card in its header"))?;
        let card = serde_json::from_str(card).map_err(|e| wrong(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| wrong(&e))?;
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, (view.dtype(), view.data().to_vec())))
            .collect();
        Ok(Self { card, tensors })
    }

    /// Writes the file so that `path` holds the old state or the new one, whole, even if the process dies: to a
    /// temporary file beside it, flushed to the disk, then renamed.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        let beside = path.with_file_name(name);
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::create(&beside).map_err(io)?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        std::fs::rename(&beside, path).map_err(io)?;
        // the rename is on the disk once the folder is; not every system can open a folder
        if let Some(folder) = path.parent().map(|p| {
            if p.as_os_str().is_empty() {
                Path::new(".")
            } else {
                p
            }
        }) {
            let _ = File::open(folder).and_then(|f| f.sync_all());
        }
        Ok(())
    }

    /// Reads a file that [`State::write`] wrote.
    ///
    /// # Errors
    /// If it cannot be read or is not one of ours; the error names the file.
    pub fn read(path: &Path) -> Result<Self> {
        input::check(path, path)?;
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes).map_err(|error| in_file(error, path))
    }
}

/// A problem of a state; [`in_file`] names the file.
pub(crate) fn invalid(path: &str, message: String) -> Error {
    Error::Invalid(Problems(vec![problem(path, message)]))
}

fn problem(path: &str, message: String) -> Problem {
    Problem {
        file: "state".to_owned(),
        line: None,
        path: path.to_owned(),
        message,
    }
}

/// Names `file` in every problem of an error.
#[must_use]
pub fn in_file(error: Error, file: &Path) -> Error {
    match error {
        Error::Invalid(mut problems) => {
            problems
                .0
                .iter_mut()
                .for_each(|p| p.file = file.display().to_string());
            Error::Invalid(problems)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut state = State {
            card: serde_json::json!({"steps": 7, "x": 0.1}),
            ..State::default()
        };
        state.put("weights", &[1.5f32, -0.0, f32::MIN_POSITIVE]);
        state.put("moments", &[std::f64::consts::PI]);
        state.put("bytes", &[0u8, 255]);
        state
    }

    #[test]
    fn property_what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        state().write(&path).unwrap();
        state().write(&path).unwrap();
        let back = State::read(&path).unwrap();
        assert_eq!(back, state());
        assert_eq!(back.to_bytes().unwrap(), state().to_bytes().unwrap());
        assert_eq!(back.get::<f64>("moments").unwrap(), [std::f64::consts::PI]);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "the temporary file is gone"
        );
    }

    #[test]
    fn property_broken_files_are_errors_that_say_why() {
        let bytes = state().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let s = state();
        assert!(
            s.get::<f64>("weights")
                .unwrap_err()
                .to_string()
                .contains("must be of F64, got F32")
        );
        assert!(
            s.get_len::<f32>("weights", 4)
                .unwrap_err()
                .to_string()
                .contains("must hold 4 numbers, got 3")
        );
        assert!(
            s.get::<f32>("w")
                .unwrap_err()
                .to_string()
                .contains("w: must be a tensor")
        );
        assert!(
            s.card_value::<String>("steps")
                .unwrap_err()
                .to_string()
                .contains("got 7")
        );
    }
}
