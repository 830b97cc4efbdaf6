import Storage

/// What of a store is encrypted, and what of that nobody has looked at because no key was given.
struct EncryptionReport {
    var log: LogReport
    var snapshot: SnapshotCheck

    /// Keys that something in the store needs, in the order in which they are met.
    private var keyIDs: [KeyID] {
        var keys = log.keyIDs
        for id in snapshot.facts?.keyIDs ?? [] where !keys.contains(id) { keys.append(id) }
        return keys
    }

    /// Nothing to say of a plain store.
    func add(to listing: inout Listing) {
        guard !keyIDs.isEmpty else { return }
        let noun = keyIDs.count == 1 ? "key" : "keys"
        listing.add("encrypted", "with \(noun) \(keyIDs.map { "\($0)" }.joined(separator: ", "))")
        if !log.passedOver.isEmpty { listing.add("not looked at", passedOver) }
        guard snapshot.isWithoutKey else { return }
        listing.add("not verified", "\(unverified): no key was given. Checksums and headers were checked")
    }

    private var passedOver: String {
        let noun = log.passedOver.count == 1 ? "segment" : "segments"
        let numbers = Amounts.range(log.passedOver.first, log.passedOver.last)
        return
            "\(noun) \(numbers): of an earlier key, which was not given. The snapshot holds what they say; only history needs them"
    }

    private var unverified: String {
        var parts: [String] = []
        if log.unopenedBatches > 0 {
            parts.append("the records of \(Amounts.count(log.unopenedBatches, "batch", "batches"))")
        }
        if let facts = snapshot.facts, !facts.keyIDs.isEmpty, facts.rows > 0 {
            parts.append("the values of \(Amounts.count(facts.rows, "row", "rows"))")
        }
        return (parts + ["that a holder of the key wrote them"]).joined(separator: ", ")
    }

    var members: [(String, JSON)] {
        [
            ("keyIDs", .array(keyIDs.map { .string("\($0)") })),
            ("unopenedBatches", .number(log.unopenedBatches)),
        ] + (log.passedOver.isEmpty ? [] : [("passedOverSegments", .array(log.passedOver.map { .number($0) }))])
    }
}
