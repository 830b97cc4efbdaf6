import Storage

/// A directory that gets its name when everything in it is complete and durable: `<path>.partial` before.
enum StoreInTheMaking {
    /// Runs the body with the partial directory. After an error nothing is left behind.
    ///
    /// - Returns: the result, and the final path.
    static func make<R>(
        _ kind: PartialDirectory.Kind,
        _ path: String,
        _ body: (_ partial: String) throws -> R
    ) throws -> (result: R, path: String) {
        try NewPath.require(path)
        let claim = try PartialDirectory.claim(kind, for: path)
        do {
            let result = try body(claim.path)
            try claim.finish()
            return (result, path)
        } catch {
            claim.discard()
            throw error
        }
    }
}
