//! The shapes of answers, as far as they are needed to tell a count that cannot be true.
//!
//! The codec (kafka-protocol 0.18) takes the memory for a whole array before it reads the first element, so four bytes of
//! noise could ask for hundreds of gigabytes and end the process. Before it decodes, each array's count is compared with
//! the bytes that are left. Everything else is the codec's to judge. Fields and versions are those of Apache Kafka's
//! message definitions (4.x); a version that is not described here is refused by the codec as well.

use bytes::Buf;

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
    /// Tagged fields that the codec reads, by their number; it does so without a look at the size that is written before.
    Tagged(&'static [(u32, Field)], Range),
}

use Field::{Array, Blob, Fixed, Inner, Numbers, Tagged, Text, Texts};

/// One kind of answer.
struct Shape {
    key: i16,
    /// First version with varints and tagged fields.
    flexible: i16,
    fields: &'static [Field],
}

const UUID: usize = 16;

/// The assignment of a member of a classic group, under a number that no request has.
pub(super) const ASSIGNED: i16 = -1;
/// The subscription of such a member.
pub(super) const SUBSCRIBED: i16 = -2;

const PARTITIONS_OF_METADATA: &[Field] =
    &[Fixed(10, ALL), Fixed(4, since(7)), Numbers(4, ALL), Numbers(4, ALL), Numbers(4, since(5))];

const ASSIGNMENT: &[Field] = &[Array(&[Fixed(UUID, ALL), Text(ALL), Numbers(4, ALL)], ALL)];

const OFFSETS: &[Field] = &[Fixed(12, ALL), Fixed(4, since(5)), Text(ALL), Fixed(2, ALL)];

/// Diverging epoch, current leader, snapshot.
const TAGS_OF_FETCHED: &[(u32, Field)] =
    &[(0, Inner(&[Fixed(12, ALL)], ALL)), (1, Inner(&[Fixed(8, ALL)], ALL)), (2, Inner(&[Fixed(12, ALL)], ALL))];

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
                            Tagged(TAGS_OF_FETCHED, ALL),
                        ],
                        ALL,
                    ),
                ],
                ALL,
            ),
            Tagged(&[(0, Array(&[Fixed(4, ALL), Text(ALL), Fixed(4, ALL), Text(ALL)], ALL))], ALL),
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
    // DescribeConfigs
    Shape {
        key: 32,
        flexible: 4,
        fields: &[
            Fixed(4, ALL),
            Array(
                &[
                    Fixed(2, ALL),
                    Text(ALL),
                    Fixed(1, ALL),
                    Text(ALL),
                    Array(
                        &[
                            Text(ALL),
                            Text(ALL),
                            Fixed(3, ALL),
                            Array(&[Text(ALL), Text(ALL), Fixed(1, ALL)], since(1)),
                            Fixed(1, since(3)),
                            Text(since(3)),
                        ],
                        ALL,
                    ),
                ],
                ALL,
            ),
        ],
    },
    // DescribeProducers
    Shape {
        key: 61,
        flexible: 0,
        fields: &[
            Fixed(4, ALL),
            Array(&[Text(ALL), Array(&[Fixed(6, ALL), Text(ALL), Array(&[Fixed(36, ALL)], ALL)], ALL)], ALL),
        ],
    },
    // DescribeTransactions
    Shape {
        key: 65,
        flexible: 0,
        fields: &[
            Fixed(4, ALL),
            Array(
                &[Fixed(2, ALL), Text(ALL), Text(ALL), Fixed(22, ALL), Array(&[Text(ALL), Numbers(4, ALL)], ALL)],
                ALL,
            ),
        ],
    },
    // ListTransactions
    Shape {
        key: 66,
        flexible: 0,
        fields: &[Fixed(6, ALL), Texts(ALL), Array(&[Text(ALL), Fixed(8, ALL), Text(ALL)], ALL)],
    },
    // ShareGroupDescribe
    Shape {
        key: 77,
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
                            Fixed(4, ALL),
                            Text(ALL),
                            Text(ALL),
                            Texts(ALL),
                            Inner(ASSIGNMENT, ALL),
                        ],
                        ALL,
                    ),
                    Fixed(4, ALL),
                ],
                ALL,
            ),
        ],
    },
    // DescribeShareGroupOffsets
    Shape {
        key: 90,
        flexible: 0,
        fields: &[
            Fixed(4, ALL),
            Array(
                &[
                    Text(ALL),
                    Array(
                        &[
                            Text(ALL),
                            Fixed(UUID, ALL),
                            Array(&[Fixed(16, ALL), Fixed(8, since(1)), Fixed(2, ALL), Text(ALL)], ALL),
                        ],
                        ALL,
                    ),
                    Fixed(2, ALL),
                    Text(ALL),
                ],
                ALL,
            ),
        ],
    },
    // Not answers of brokers, but what members of classic groups hand to each other inside of them.
    Shape { key: ASSIGNED, flexible: i16::MAX, fields: &[Array(&[Text(ALL), Numbers(4, ALL)], ALL), Blob(ALL)] },
    Shape {
        key: SUBSCRIBED,
        flexible: i16::MAX,
        fields: &[
            Texts(ALL),
            Blob(ALL),
            Array(&[Text(ALL), Numbers(4, ALL)], since(1)),
            Fixed(4, since(2)),
            Text(since(3)),
        ],
    },
];

/// Why an answer is not given to the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// An array, or all arrays together, cannot have so many elements in the bytes that are left, or should not.
    #[error("{count} elements of arrays, with {left} bytes left")]
    Count {
        /// The count.
        count: u64,
        /// The bytes that were left for so many elements.
        left: usize,
    },
    /// It ends early, or a number in it has no end. The codec would read on at another place than this walk.
    #[error("it ends early, or a length in it cannot be")]
    Short,
}

/// Elements of all arrays of one answer. A cluster of 200,000 partitions tells less than half as many; the memory that an
/// element takes is many times the few bytes that it needs on the wire.
const MOST: u64 = 1 << 20;

/// Looks through an answer behind its header. An answer that is followed by more is left to the codec.
pub(super) fn check(key: i16, version: i16, body: &[u8]) -> Result<(), Wrong> {
    let Some(shape) = SHAPES.iter().find(|shape| shape.key == key) else { return Ok(()) };
    let mut walk = Walk { body, version, flexible: version >= shape.flexible, elements: 0 };
    walk.steps(&steps(shape.fields, version, walk.flexible))
}

/// What there is to do at a field of one version. An answer about all groups has many thousand partitions, so what is the same
/// for each of them is found out once.
enum Step {
    /// Fields of fixed length, neighbours together.
    Skip(usize),
    Text,
    Blob,
    /// Elements of so many bytes.
    Numbers(usize),
    Texts,
    /// Elements, and the bytes that one takes at least.
    Array(Vec<Step>, usize),
    Tagged(&'static [(u32, Field)]),
}

/// Returns the steps over a structure.
fn steps(fields: &'static [Field], version: i16, flexible: bool) -> Vec<Step> {
    let (mut all, tags) = plain(fields, version, flexible);
    if flexible {
        all.push(Step::Tagged(tags));
    }
    all
}

/// Returns the steps over some fields, and the tagged fields that stand behind them.
fn plain(fields: &'static [Field], version: i16, flexible: bool) -> (Vec<Step>, &'static [(u32, Field)]) {
    let (mut all, mut tags): (Vec<Step>, &'static [(u32, Field)]) = (Vec::new(), &[]);
    for field in fields {
        let (Fixed(_, range)
        | Text(range)
        | Blob(range)
        | Array(_, range)
        | Numbers(_, range)
        | Texts(range)
        | Inner(_, range)
        | Tagged(_, range)) = field;
        if !(range.0..=range.1).contains(&version) {
            continue;
        }
        match field {
            Fixed(bytes, _) => match all.last_mut() {
                Some(Step::Skip(before)) => *before += bytes,
                _ => all.push(Step::Skip(*bytes)),
            },
            Text(_) => all.push(Step::Text),
            Blob(_) => all.push(Step::Blob),
            Numbers(bytes, _) => all.push(Step::Numbers(*bytes)),
            Texts(_) => all.push(Step::Texts),
            Array(inner, _) => all.push(Step::Array(steps(inner, version, flexible), least(inner, version))),
            Inner(inner, _) => all.extend(steps(inner, version, flexible)),
            Tagged(known, _) => tags = known,
        }
    }
    (all, tags)
}

/// A slice, since a walk takes many small steps.
struct Walk<'a> {
    body: &'a [u8],
    version: i16,
    flexible: bool,
    elements: u64,
}

impl Walk<'_> {
    /// Walks over a structure.
    fn steps(&mut self, steps: &[Step]) -> Result<(), Wrong> {
        for step in steps {
            match step {
                Step::Skip(bytes) => self.skip(*bytes)?,
                Step::Text => self.text()?,
                Step::Blob => self.blob()?,
                Step::Numbers(bytes) => {
                    let count = self.count(*bytes)?;
                    self.skip(count * bytes)?;
                }
                Step::Texts => {
                    let count = self.count(1)?;
                    self.add(count as u64)?;
                    (0..count).try_for_each(|_| self.text())?;
                }
                Step::Array(inner, least) => {
                    let count = self.count(*least)?;
                    self.add(count as u64)?;
                    for _ in 0..count {
                        self.steps(inner)?;
                    }
                }
                Step::Tagged(known) => self.tagged(known)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, count: u64) -> Result<(), Wrong> {
        self.elements += count;
        if self.elements > MOST { Err(Wrong::Count { count: self.elements, left: self.body.len() }) } else { Ok(()) }
    }

    /// Reads a count; null is none.
    fn count(&mut self, least: usize) -> Result<usize, Wrong> {
        let count = if self.flexible {
            u64::from(self.varint()?.saturating_sub(1))
        } else {
            u64::try_from(self.body.try_get_i32().map_err(|_| Wrong::Short)?).unwrap_or(0)
        };
        let left = self.body.len();
        match usize::try_from(count).ok().filter(|count| count.saturating_mul(least.max(1)) <= left) {
            Some(count) => Ok(count),
            None => Err(Wrong::Count { count, left }),
        }
    }

    fn text(&mut self) -> Result<(), Wrong> {
        let length = if self.flexible {
            self.varint()?.saturating_sub(1) as usize
        } else {
            usize::try_from(self.body.try_get_i16().map_err(|_| Wrong::Short)?).unwrap_or(0)
        };
        self.skip(length)
    }

    fn blob(&mut self) -> Result<(), Wrong> {
        let length = if self.flexible {
            self.varint()?.saturating_sub(1) as usize
        } else {
            usize::try_from(self.body.try_get_i32().map_err(|_| Wrong::Short)?).unwrap_or(0)
        };
        self.skip(length)
    }

    fn tagged(&mut self, known: &'static [(u32, Field)]) -> Result<(), Wrong> {
        let count = self.varint()?;
        self.add(u64::from(count))?;
        for _ in 0..count {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            let left = self.body.len();
            match known.iter().find(|(number, _)| *number == tag) {
                Some((_, field)) => {
                    self.steps(&plain(std::slice::from_ref(field), self.version, self.flexible).0)?;
                    if left - self.body.len() != length {
                        return Err(Wrong::Short);
                    }
                }
                None => self.skip(length)?,
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u32, Wrong> {
        super::wire::varint(&mut self.body).ok_or(Wrong::Short)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Wrong> {
        self.body = self.body.get(bytes..).ok_or(Wrong::Short)?;
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
        Fixed(..) | Text(_) | Blob(_) | Array(..) | Numbers(..) | Texts(_) | Inner(..) | Tagged(..) => 0,
    };
    fields.iter().map(of).sum()
}

#[cfg(test)]
mod tests;
