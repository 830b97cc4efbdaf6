import Adapters

/// An upstream volume's error as one line of this tool.
enum UpstreamFailure {
    static func translating<R>(_ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as UpstreamError {
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    init(_ error: UpstreamError) {
        let sentences = error.message.split(separator: ". ", maxSplits: 1)
        self.init(
            String(sentences.first ?? ""),
            path: error.path,
            remedy: sentences.count > 1 ? String(sentences[1]) : "see docs/upstream-volumes.md",
            status: Self.status(error.code)
        )
    }

    private static func status(_ code: UpstreamError.Code) -> ProcessStatus {
        switch code {
        case .verificationFailed, .damagedFiles: .damage
        case .inputOutput, .lowSpace: .storageFailed
        default: .usage
        }
    }
}
