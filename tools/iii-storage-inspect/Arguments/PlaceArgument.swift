import ArgumentParser

/// A place in the log as `SEGMENT:OFFSET`.
struct PlaceArgument: ExpressibleByArgument {
    var segment: UInt64
    var offset: UInt64

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let segment = UInt64(parts[0]), let offset = UInt64(parts[1]), segment > 0 else {
            return nil
        }
        self.segment = segment
        self.offset = offset
    }
}
