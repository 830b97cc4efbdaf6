import Adapters

/// What an import came to.
struct ImportListing {
    var result: UpstreamImportResult
    var volume: UpstreamVolume
    var store: String
    var takesSalvage: Bool
    var nanoseconds: UInt64

    var listing: Listing {
        var listing = Listing()
        listing.add("volume", volume.path)
        listing.add("store", store)
        for kind in ContentKind.allCases {
            guard let counts = result.counts[kind] else { continue }
            listing.add(
                Self.noun(kind),
                "\(counts.groups), \(Amounts.count(UInt64(counts.entries), "entry", "entries"))"
            )
        }
        listing.add("verified", "every entry was read again from the store and compared with its file")
        for index in result.others {
            let entries = Amounts.count(UInt64(index.entries), "entry", "entries")
            listing.add("not imported", "\(index.index), of \(index.owner.rawValue): \(entries)")
        }
        addRest(result.otherCount, result.others.count, "not imported", to: &listing)
        for index in result.ambiguous {
            listing.add("ambiguous", "\(index): the first colon separates stream and group")
        }
        addRest(result.ambiguousCount, result.ambiguous.count, "ambiguous", to: &listing)
        for index in result.duplicates {
            listing.add("equal keys", "\(index.index): \(index.count); the last value counts")
        }
        for damage in result.damaged {
            listing.add(takesSalvage && damage.salvage != nil ? "salvaged" : "skipped", damage.description)
        }
        if result.salvagedEntries > 0 { listing.add("salvaged entries", String(result.salvagedEntries)) }
        for name in volume.leftovers { listing.add("ignored", "\(name): the rest of a save that was cut short") }
        for name in volume.unknown { listing.add("ignored", name.description) }
        listing.add("took", Amounts.duration(nanoseconds))
        return listing
    }

    private static func noun(_ kind: ContentKind) -> String {
        switch kind {
        case .state: "scopes"
        case .stream: "stream groups"
        }
    }

    private func addRest(_ count: Int, _ named: Int, _ title: String, to listing: inout Listing) {
        if count > named { listing.add(title, "and \(count - named) more") }
    }

    var json: JSON {
        [
            "volume": .string(volume.path), "store": .string(store), "state": counts(.state), "stream": counts(.stream),
            "verified": true,
            "others": .array(
                result.others.map {
                    [
                        "index": .string($0.index), "of": .string($0.owner.rawValue),
                        "entries": .number(UInt64($0.entries)),
                    ]
                }
            ),
            "otherCount": .number(UInt64(result.otherCount)), "ambiguous": .array(result.ambiguous.map(JSON.string)),
            "ambiguousCount": .number(UInt64(result.ambiguousCount)),
            "duplicates": .array(
                result.duplicates.map { ["index": .string($0.index), "count": .number(UInt64($0.count))] }
            ),
            "damaged": .array(result.damaged.map(damage)),
            "salvagedEntries": .number(UInt64(result.salvagedEntries)),
            "leftovers": .array(volume.leftovers.map(JSON.string)),
            "unknown": .array(volume.unknown.map { .string($0.description) }), "nanoseconds": .number(nanoseconds),
        ]
    }

    private func counts(_ kind: ContentKind) -> JSON {
        let counts = result.counts[kind] ?? .init()
        return [
            "groups": .number(UInt64(counts.groups)), "entries": .number(UInt64(counts.entries)),
            "bytes": .number(UInt64(counts.bytes)),
        ]
    }

    private func damage(_ damage: UpstreamDamage) -> JSON {
        [
            "file": .string(damage.file.name), "reason": .string(damage.description),
            "salvageable": damage.salvage.map { .number(UInt64($0.index.count)) } ?? .null,
            "taken": .bool(takesSalvage && damage.salvage != nil),
        ]
    }
}
