//! The shapes of answers, as far as they are needed to tell a count that cannot be true.
//!
//! The codec (kafka-protocol 0.18) takes the memory for a whole array before it reads the first element, so four bytes of
//! noise could ask for hundreds of gigabytes and end the process. Before it decodes, each array's count is compared with
//! the bytes that are left. Everything else is the codec's to judge. Fields and versions are those of Apache Kafka's
//! message definitions (4.x); a version that is not described here is refused by the codec as well.

use bytes::{Buf, Bytes};

/// Versions of a message: first and last.
type Range = (i16, i16);

const ALL: Range = (0, i16::MAX);

const fn since(first: i16) -> Range {
    (first, i16::MAX)
}

/// One field.
enum Field {
    /// So many bytes.
    Fixed(usize, Range),
    /// Text or bytes whose length is written in two bytes, or as a varint.
    Text(Range),
    /// Bytes whose length is written in four bytes, or as a varint.
    Blob(Range),
    /// Elements of these fields.
    Array(&'static [Field], Range),
    /// Elements of so many bytes each, without fields.
    Numbers(usize, Range),
    /// Texts.
    Texts(Range),
    /// A structure in place.
    Inner(&'static [Field], Range),
}

use Field::{Array, Blob, Fixed, Inner, Numbers, Text, Texts};

/// One kind of answer.
struct Shape {
    key: i16,
    /// First version with varints and tagged fields.
    flexible: i16,
    fields: &'static [Field],
}

const UUID: usize = 16;

const PARTITIONS_OF_METADATA: &[Field] =
    &[Fixed(10, ALL), Fixed(4, since(7)), Numbers(4, ALL), Numbers(4, ALL), Numbers(4, since(5))];

const ASSIGNMENT: &[Field] = &[Array(&[Fixed(UUID, ALL), Text(ALL), Numbers(4, ALL)], ALL)];

const OFFSETS: &[Field] = &[Fixed(12, ALL), Fixed(4, since(5)), Text(ALL), Fixed(2, ALL)];

const SHAPES: &[Shape] = &[
    // Fetch
    Shape {
        key: 1,
        flexible: 12,
        fields: &[
            Fixed(4, since(1)),
            Fixed(6, since(7)),
            Array(
                &[
                    Text((0, 12)),
                    Fixed(UUID, since(13)),
                    Array(
                        &[
                            Fixed(14, ALL),
                            Fixed(8, since(4)),
                            Fixed(8, since(5)),
                            Array(&[Fixed(16, ALL)], since(4)),
                            Fixed(4, since(11)),
                            Blob(ALL),
                        ],
                        ALL,
                    ),
                ],
                ALL,
            ),
        ],
    },
    // ListOffsets
    Shape {
        key: 2,
        flexible: 6,
        fields: &[
            Fixed(4, since(2)),
            Array(
                &[Text(ALL), Array(&[Fixed(6, ALL), Numbers(8, (0, 0)), Fixed(16, since(1)), Fixed(4, since(4))], ALL)],
                ALL,
            ),
        ],
    },
    // Metadata
    Shape {
        key: 3,
        flexible: 9,
        fields: &[
            Fixed(4, since(3)),
            Array(&[Fixed(4, ALL), Text(ALL), Fixed(4, ALL), Text(since(1))], ALL),
            Text(since(2)),
            Fixed(4, since(1)),
            Array(
                &[
                    Fixed(2, ALL),
                    Text(ALL),
                    Fixed(UUID, since(10)),
                    Fixed(1, since(1)),
                    Array(PARTITIONS_OF_METADATA, ALL),
                    Fixed(4, since(8)),
                ],
                ALL,
            ),
            Fixed(4, (8, 10)),
            Fixed(2, since(13)),
        ],
    },
    // OffsetFetch
    Shape {
        key: 9,
        flexible: 6,
        fields: &[
            Fixed(4, since(3)),
            Array(&[Text(ALL), Array(OFFSETS, ALL)], (0, 7)),
            Fixed(2, (2, 7)),
            Array(
                &[Text(ALL), Array(&[Text((8, 9)), Fixed(UUID, since(10)), Array(OFFSETS, ALL)], ALL), Fixed(2, ALL)],
                since(8),
            ),
        ],
    },
    // SaslHandshake
    Shape { key: 17, flexible: i16::MAX, fields: &[Fixed(2, ALL), Texts(ALL)] },
    // SaslAuthenticate
    Shape { key: 36, flexible: 2, fields: &[Fixed(2, ALL), Text(ALL), Blob(ALL), Fixed(8, since(1))] },
    // DescribeGroups
    Shape {
        key: 15,
        flexible: 5,
        fields: &[
            Fixed(4, since(1)),
            Array(
                &[
                    Fixed(2, ALL),
                    Text(since(6)),
                    Text(ALL),
                    Text(ALL),
                    Text(ALL),
                    Text(ALL),
                    Array(&[Text(ALL), Text(since(4)), Text(ALL), Text(ALL), Blob(ALL), Blob(ALL)], ALL),
                    Fixed(4, since(3)),
                ],
                ALL,
            ),
        ],
    },
    // ListGroups
    Shape {
        key: 16,
        flexible: 3,
        fields: &[
            Fixed(4, since(1)),
            Fixed(2, ALL),
            Array(&[Text(ALL), Text(ALL), Text(since(4)), Text(since(5))], ALL),
        ],
    },
    // ConsumerGroupDescribe
    Shape {
        key: 69,
        flexible: 0,
        fields: &[
            Fixed(4, ALL),
            Array(
                &[
                    Fixed(2, ALL),
                    Text(ALL),
                    Text(ALL),
                    Text(ALL),
                    Fixed(8, ALL),
                    Text(ALL),
                    Array(
                        &[
                            Text(ALL),
                            Text(ALL),
                            Text(ALL),
                            Fixed(4, ALL),
                            Text(ALL),
                            Text(ALL),
                            Texts(ALL),
                            Text(ALL),
                            Inner(ASSIGNMENT, ALL),
                            Inner(ASSIGNMENT, ALL),
                            Fixed(1, since(1)),
                        ],
                        ALL,
                    ),
                    Fixed(4, ALL),
                ],
                ALL,
            ),
        ],
    },
];

/// An array whose count cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible {
    /// The count.
    pub(super) count: u64,
    /// The bytes that were left for so many elements.
    pub(super) left: usize,
}

/// Looks through an answer behind its header. An answer that ends early or is followed by more is left to the codec.
pub(super) fn check(key: i16, version: i16, body: Bytes) -> Result<(), Impossible> {
    let Some(shape) = SHAPES.iter().find(|shape| shape.key == key) else { return Ok(()) };
    let mut walk = Walk { body, version, flexible: version >= shape.flexible };
    match walk.fields(shape.fields) {
        Ok(()) | Err(Stop::Short) => Ok(()),
        Err(Stop::Impossible(impossible)) => Err(impossible),
    }
}

enum Stop {
    Short,
    Impossible(Impossible),
}

struct Walk {
    body: Bytes,
    version: i16,
    flexible: bool,
}

impl Walk {
    fn fields(&mut self, fields: &[Field]) -> Result<(), Stop> {
        for field in fields {
            let (Fixed(_, range)
            | Text(range)
            | Blob(range)
            | Array(_, range)
            | Numbers(_, range)
            | Texts(range)
            | Inner(_, range)) = field;
            if !(range.0..=range.1).contains(&self.version) {
                continue;
            }
            match field {
                Fixed(bytes, _) => self.skip(*bytes)?,
                Text(_) => self.text()?,
                Blob(_) => self.blob()?,
                Numbers(bytes, _) => {
                    let count = self.count(*bytes)?;
                    self.skip(count * bytes)?;
                }
                Texts(_) => {
                    for _ in 0..self.count(1)? {
                        self.text()?;
                    }
                }
                Array(inner, _) => {
                    for _ in 0..self.count(least(inner, self.version))? {
                        self.fields(inner)?;
                    }
                }
                Inner(inner, _) => self.fields(inner)?,
            }
        }
        if self.flexible { self.tagged() } else { Ok(()) }
    }

    /// Reads a count; null is none.
    fn count(&mut self, least: usize) -> Result<usize, Stop> {
        let count = if self.flexible {
            u64::from(self.varint()?.saturating_sub(1))
        } else {
            u64::try_from(self.body.try_get_i32().map_err(|_| Stop::Short)?).unwrap_or(0)
        };
        let left = self.body.len();
        match usize::try_from(count).ok().filter(|count| count.saturating_mul(least.max(1)) <= left) {
            Some(count) => Ok(count),
            None => Err(Stop::Impossible(Impossible { count, left })),
        }
    }

    fn text(&mut self) -> Result<(), Stop> {
        let length = if self.flexible {
            self.varint()?.saturating_sub(1) as usize
        } else {
            usize::try_from(self.body.try_get_i16().map_err(|_| Stop::Short)?).unwrap_or(0)
        };
        self.skip(length)
    }

    fn blob(&mut self) -> Result<(), Stop> {
        let length = if self.flexible {
            self.varint()?.saturating_sub(1) as usize
        } else {
            usize::try_from(self.body.try_get_i32().map_err(|_| Stop::Short)?).unwrap_or(0)
        };
        self.skip(length)
    }

    fn tagged(&mut self) -> Result<(), Stop> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()? as usize;
            self.skip(length)?;
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32, Stop> {
        super::wire::varint(&mut self.body).ok_or(Stop::Short)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes > self.body.len() {
            return Err(Stop::Short);
        }
        self.body.advance(bytes);
        Ok(())
    }
}

/// Bytes that one element takes at least.
fn least(fields: &[Field], version: i16) -> usize {
    let of = |field: &Field| match field {
        Fixed(bytes, range) if (range.0..=range.1).contains(&version) => *bytes,
        // A length or a count takes one byte at least.
        Text(range) | Blob(range) | Array(_, range) | Numbers(_, range) | Texts(range) | Inner(_, range)
            if (range.0..=range.1).contains(&version) =>
        {
            1
        }
        Fixed(..) | Text(_) | Blob(_) | Array(..) | Numbers(..) | Texts(_) | Inner(..) => 0,
    };
    fields.iter().map(of).sum()
}

#[cfg(test)]
mod tests;
