/// Finds an entry by its key's bytes. Holds hashes and positions only: 8 bytes a slot, at most three slots in four are
/// used. Where the keys are and how they compare is the caller's.
struct UpstreamKeyTable {
    /// Hash above, position + 1 below; 0 is a free slot.
    private var slots: [UInt64]
    private var used = 0

    private static let smallest = 16

    init() {
        slots = Array(repeating: 0, count: Self.smallest)
    }

    /// The position of an equal key that is there already; else adds this one and returns nil.
    mutating func insert(_ position: Int, hash: Int, isEqual: (Int) -> Bool) -> Int? {
        let mark = UInt64(UInt32(truncatingIfNeeded: hash)) << 32
        var slot = home(of: mark)
        while slots[slot] != 0 {
            let known = Int(slots[slot] & 0xFFFF_FFFF) - 1
            if slots[slot] >> 32 == mark >> 32, isEqual(known) { return known }
            slot = next(slot)
        }
        slots[slot] = mark | UInt64(UInt32(position + 1))
        used += 1
        if used * 4 > slots.count * 3 { grow() }
        return nil
    }

    private func home(of content: UInt64) -> Int { Int(content >> 32) & (slots.count - 1) }

    private func next(_ slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: 0, count: old.count * 2)
        for content in old where content != 0 {
            var slot = home(of: content)
            while slots[slot] != 0 { slot = next(slot) }
            slots[slot] = content
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Seeded per process: keys in a foreign file can't be chosen to collide.
    var keyHash: Int {
        var hasher = Hasher()
        hasher.combine(bytes: self)
        return hasher.finalize()
    }
}
