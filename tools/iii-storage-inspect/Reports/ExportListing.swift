import Adapters
import Storage

/// What an export to an upstream volume came to.
struct ExportListing {
    var result: UpstreamExport.Result
    var store: String
    var volume: String
    var through: LSN
    var nanoseconds: UInt64

    var listing: Listing {
        var listing = Listing()
        listing.add("store", store)
        listing.add("volume", volume)
        listing.add("as of", "LSN \(through)")
        listing.add("files", "\(result.indexes), \(Amounts.bytes(UInt64(result.bytes)))")
        listing.add("entries", String(result.entries))
        listing.add("verified", "every file was read back and compared")
        for index in result.refused { listing.add("left out", "\(index.index): \(index.reason.message)") }
        listing.add("took", Amounts.duration(nanoseconds))
        return listing
    }

    var json: JSON {
        [
            "store": .string(store), "volume": .string(volume), "through": .number(through.rawValue),
            "indexes": .number(UInt64(result.indexes)), "entries": .number(UInt64(result.entries)),
            "bytes": .number(UInt64(result.bytes)), "verified": true,
            "refused": .array(
                result.refused.map { ["index": .string($0.index), "reason": .string($0.reason.message)] }
            ),
            "nanoseconds": .number(nanoseconds),
        ]
    }
}
