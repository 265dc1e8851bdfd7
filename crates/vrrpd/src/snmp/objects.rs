//! The list of objects that tables are written into: names from a table's entry, a column and an index.

use std::net::IpAddr;

use agentx::{Oid, Value};

/// InetAddressType of an address: ipv4 or ipv6.
pub(crate) fn inet_type(address: IpAddr) -> i32 {
    if address.is_ipv4() { 1 } else { 2 }
}

/// InetAddress: the bytes of an address.
pub(crate) fn inet(address: IpAddr) -> Value {
    match address {
        IpAddr::V4(address) => Value::Octets(address.octets().to_vec()),
        IpAddr::V6(address) => Value::Octets(address.octets().to_vec()),
    }
}

/// A position in a table: they begin at 1.
pub(crate) fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX - 1) + 1
}

/// A number of things.
pub(crate) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Objects below one root.
#[derive(Debug)]
pub(crate) struct Objects {
    found: Vec<(Oid, Value)>,
    root: Oid,
}

impl Objects {
    pub(crate) fn new() -> Self {
        Self { found: Vec::new(), root: Oid::default() }
    }

    /// What comes now is below this.
    pub(crate) fn below(&mut self, root: &Oid) -> &mut Self {
        self.root = root.clone();
        self
    }

    /// Scalars below `group`.
    pub(crate) fn scalars(&mut self, group: &[u32]) -> Row<'_> {
        self.row(group, &[0])
    }

    /// A row of the table whose entry is `entry`.
    pub(crate) fn row(&mut self, entry: &[u32], index: &[u32]) -> Row<'_> {
        let entry = self.root.child(entry);
        Row { objects: self, entry, index: index.to_vec() }
    }

    /// All of them, in no order.
    pub(crate) fn into_list(self) -> Vec<(Oid, Value)> {
        self.found
    }
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    objects: &'a mut Objects,
    entry: Oid,
    index: Vec<u32>,
}

impl Row<'_> {
    pub(crate) fn put(&mut self, column: u32, value: Value) {
        // One allocation: hundreds of instances have tens of thousands of objects.
        let name = [self.entry.parts(), &[column], &self.index].concat();
        self.objects.found.push((Oid::from(name), value));
    }

    pub(crate) fn int(&mut self, column: u32, number: i32) {
        self.put(column, Value::Integer(number));
    }

    /// Unsigned32 and Gauge32.
    pub(crate) fn gauge(&mut self, column: u32, number: u32) {
        self.put(column, Value::Gauge32(number));
    }

    /// The low bits: counters wrap.
    pub(crate) fn counter32(&mut self, column: u32, number: u64) {
        self.put(column, Value::Counter32(u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)));
    }

    pub(crate) fn counter64(&mut self, column: u32, number: u64) {
        self.put(column, Value::Counter64(number));
    }

    pub(crate) fn text(&mut self, column: u32, text: &str) {
        self.put(column, Value::from(text));
    }

    /// 1 for yes, 2 for no: TruthValue, and most enumerations of two.
    pub(crate) fn yes(&mut self, column: u32, yes: bool) {
        self.int(column, if yes { 1 } else { 2 });
    }

    pub(crate) fn inet(&mut self, column: u32, address: IpAddr) {
        self.put(column, inet(address));
    }
}
