import Testing

@testable import Storage

/// Which content is believed with a key in force: the decision, without files.
@Suite struct ContentTrustTests {
    private static let key = EncryptionKey.random()

    /// p plain, o encrypted by the version before, a authenticated; A, B: authenticated, and says that plain (A) or older
    /// (B) content before it is believed.
    private func segments(_ kinds: String) -> [ContentTrust.Segment] {
        kinds.enumerated().map { index, kind in
            var header = SegmentHeaderTests.sample
            header.number = SegmentNumber(rawValue: UInt64(index + 1))
            header.keyID = kind == "p" ? 0 : Self.key.id.rawValue
            header.requiredFeatures =
                kind == "p" ? 0 : kind == "o" ? SegmentHeader.encryptedFeature : SegmentHeader.sealedFeatures
            header.ignorableFeatures =
                kind == "A" ? SegmentHeader.plainBeforeFeature : kind == "B" ? SegmentHeader.olderBeforeFeature : 0
            return .init(header: header, path: "/\(index + 1)")
        }
    }

    private enum Row: String { case none, plain, olderPlain, older, moving, sealed, plainFromKey }

    private func row(_ kind: Row) -> CheckpointRow? {
        let id = Self.key.id.rawValue
        switch kind {
        case .none: return nil
        case .plain: return CheckpointRowTests.sample()
        case .plainFromKey: return CheckpointRowTests.sample(further: [id])
        case .moving: return CheckpointRowTests.sample(keyID: id, further: [0])
        case .sealed: return CheckpointRowTests.sample(keyID: id)
        case .olderPlain, .older:
            var row = CheckpointRowTests.sample(keyID: kind == .older ? id : 0)
            row.isOlder = true
            row.isAuthenticated = false
            row.authenticatedFrom = .none
            return row
        }
    }

    /// "" accepted, else the code of the refusal and its segment.
    private func verdict(_ kind: Row, _ kinds: String, option: Bool = false, isKeyed: Bool = true) -> String {
        let keys = EncryptionKeys(current: isKeyed ? Self.key : nil)
        let trust = ContentTrust(keys: keys, encryptsExisting: option, snapshotPath: "/data.mdb")
        do {
            let verdict = try trust.judge(row(kind), segments(kinds))
            return (verdict.marks.plainBefore ? "+plain" : "") + (verdict.marks.olderBefore ? "+older" : "")
                + (verdict.warning == nil ? "" : "!")
        } catch {
            return "\(error.code) \(error.segment ?? 0)"
        }
    }

    @Test func theTable() {
        // New stores, and stores that are sealed.
        #expect(verdict(.none, "") == "" && verdict(.none, "aa") == "" && verdict(.sealed, "aaa") == "")
        #expect(verdict(.sealed, "aa", option: true) == "!")
        #expect(verdict(.sealed, "ap") == "damaged 2" && verdict(.sealed, "ap", option: true) == "damaged 2")
        #expect(verdict(.none, "ap") == "damaged 2" && verdict(.none, "pa") == "damaged 1")
        #expect(verdict(.plain, "aa") == "damaged 0" && verdict(.plainFromKey, "aa") == "damaged 0")
        // Plain stores: only if the operator says so, or has said so.
        for row in [Row.none, .plain, .olderPlain] {
            #expect(verdict(row, "pp").hasPrefix("notEncrypted"))
            #expect(verdict(row, "pp", option: true) == "+plain")
            #expect(verdict(row, "ppA") == "+plain" && verdict(row, "pAA") == "+plain")
            #expect(verdict(row, "pAp") == "damaged \(3)")
        }
        #expect(verdict(.moving, "pA") == "+plain" && verdict(.moving, "A") == "+plain")
        #expect(verdict(.sealed, "pA") == "+plain" && verdict(.sealed, "Aa") == "")
        // Encrypted by the version before: as if sealed, until a row says from where on headers are authenticated.
        #expect(verdict(.older, "oo") == "+older" && verdict(.older, "oB") == "+older" && verdict(.none, "oo") == "+older")
        #expect(verdict(.older, "oa") == "damaged 0" && verdict(.older, "op") == "damaged 2")
        #expect(verdict(.older, "op", option: true) == "damaged 2" && verdict(.older, "ao") == "damaged 0")
        #expect(verdict(.none, "ao") == "damaged 2")
    }

    /// The sample row says that headers are authenticated from segment 3 on.
    @Test func headersAreAuthenticatedFromTheNamedSegmentOn() {
        #expect(verdict(.sealed, "oo") == "+older" && verdict(.sealed, "ooo") == "damaged 3")
        #expect(verdict(.sealed, "ooa") == "+older")
    }

    @Test func withoutAKeyEverythingIsTaken() {
        for kinds in ["p", "ap", "oa", "pA"] {
            for row in [Row.none, .plain, .sealed, .older] {
                #expect(verdict(row, kinds, isKeyed: false) == "")
            }
        }
    }

    @Test func marksEndWithTheRowThatProvesEverything() throws {
        let keys = EncryptionKeys(current: Self.key)
        for (kind, isEnd) in [(Row.none, false), (.plain, false), (.moving, false), (.older, false), (.sealed, true)] {
            var marks = TrustMarks(plainBefore: true, olderBefore: true)
            marks.settle(row(kind), keys)
            #expect((marks == TrustMarks()) == isEnd, "\(kind)")
        }
    }
}
