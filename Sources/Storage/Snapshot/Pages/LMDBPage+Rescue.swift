/// Pages of which a part makes no sense: for salvage only, whose rows have checksums of their own.
extension LMDBPage {
    /// The page with all its nodes, or with those that make sense.
    ///
    /// - Returns: the flaw beside the page if some nodes may be missing.
    static func rescue(_ bytes: Bytes, number: UInt64) throws(LMDBFlaw) -> (page: LMDBPage, flaw: LMDBFlaw?) {
        do throws(LMDBFlaw) {
            let page = try LMDBPage(bytes, number: number)
            if page.accountsForItsBytes { return (page, nil) }
            let flaw = LMDBFlaw(page: number, "it holds more than its slots say")
            return (rescued(bytes, number) ?? page, flaw)
        } catch {
            guard let page = rescued(bytes, number) else { throw error }
            return (page, error)
        }
    }

    /// LMDB leaves no gap between nodes: what no slot leads to was lost with its slot.
    private var accountsForItsBytes: Bool {
        var used = 0
        for index in 0..<count {
            let node = node(index)
            let end = isLeaf ? node.data.upperBound : node.key.upperBound
            used += (end - (node.key.lowerBound - Self.nodeBytes) + 1) & ~1
        }
        return used == bytes.count - bytes.withUnsafeBytes { Int($0.loadLittle(UInt16.self, at: 14)) }
    }

    /// The same page with sound slots only; nil: there are none, or it doesn't say that it is a page of a tree.
    private static func rescued(_ bytes: Bytes, _ number: UInt64) -> LMDBPage? {
        let slots = bytes.withUnsafeBytes { soundSlots($0, number) }
        guard let first = slots.min() else { return nil }
        var repaired = bytes
        repaired.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            base.storeLittle(UInt16(headerBytes + 2 * slots.count), at: 12)
            base.storeLittle(UInt16(first), at: 14)
            for (index, slot) in slots.enumerated() { base.storeLittle(UInt16(slot), at: headerBytes + 2 * index) }
        }
        return try? LMDBPage(repaired, number: number)
    }

    private static func soundSlots(_ bytes: UnsafeRawBufferPointer, _ number: UInt64) -> [Int] {
        let flags = bytes.loadLittle(UInt16.self, at: 10)
        guard bytes.loadLittle(UInt64.self, at: 0) == number, flags == branch || flags == leaf else { return [] }
        let lower = Int(bytes.loadLittle(UInt16.self, at: 12))
        let upper = Int(bytes.loadLittle(UInt16.self, at: 14))
        let isLowerPossible = lower >= headerBytes && lower & 1 == 0 && lower <= bytes.count
        let isUpperPossible = upper >= headerBytes && upper < bytes.count
        // Where the nodes begin bounds the slots too; behind both stands what was removed long ago.
        guard isLowerPossible || isUpperPossible else { return [] }
        let leastNode = isUpperPossible && (!isLowerPossible || upper >= lower) ? upper : max(lower, headerBytes)
        var slots: [Int] = []
        var seen: Set<Int> = []
        var place = headerBytes
        while place + 2 <= leastNode {
            let slot = Int(bytes.loadLittle(UInt16.self, at: place))
            if slot >= leastNode, isNode(bytes, slot, flags), seen.insert(slot).inserted { slots.append(slot) }
            place += 2
        }
        return slots
    }

    private static func isNode(_ bytes: UnsafeRawBufferPointer, _ slot: Int, _ flags: UInt16) -> Bool {
        guard slot + nodeBytes <= bytes.count else { return false }
        let low = Int(bytes.loadLittle(UInt16.self, at: slot))
        let high = Int(bytes.loadLittle(UInt16.self, at: slot + 2))
        let nodeFlags = bytes.loadLittle(UInt16.self, at: slot + 4)
        let key = slot + nodeBytes + Int(bytes.loadLittle(UInt16.self, at: slot + 6))
        guard flags == leaf else { return key <= bytes.count }
        guard nodeFlags & ~onOverflowPages == 0 else { return false }
        return key + (nodeFlags & onOverflowPages != 0 ? 8 : low | high << 16) <= bytes.count
    }
}
