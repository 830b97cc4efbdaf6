import Adapters

/// What an import came to.
struct ImportListing {
    var result: UpstreamImport.Result
    var volume: UpstreamVolume
    var store: String
    var takesSalvage: Bool
    var nanoseconds: UInt64

    var listing: Listing {
        var listing = Listing()
        listing.add("volume", volume.path)
        listing.add("store", store)
        listing.add("scopes", String(result.scopes))
        listing.add("entries", String(result.entries))
        listing.add("verified", "every entry was read again from the store and compared with its file")
        for stream in result.streams {
            listing.add(
                "not imported",
                "stream \(stream.index): \(Amounts.count(UInt64(stream.entries), "entry", "entries")); streams come with a later version"
            )
        }
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

    var json: JSON {
        [
            "volume": .string(volume.path), "store": .string(store), "scopes": .number(UInt64(result.scopes)),
            "entries": .number(UInt64(result.entries)), "verified": true,
            "streams": .array(
                result.streams.map { ["index": .string($0.index), "entries": .number(UInt64($0.entries))] }
            ),
            "duplicates": .array(
                result.duplicates.map { ["index": .string($0.index), "count": .number(UInt64($0.count))] }
            ),
            "damaged": .array(result.damaged.map(damage)),
            "salvagedEntries": .number(UInt64(result.salvagedEntries)),
            "leftovers": .array(volume.leftovers.map(JSON.string)),
            "unknown": .array(volume.unknown.map { .string($0.description) }), "nanoseconds": .number(nanoseconds),
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
