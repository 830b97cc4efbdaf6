#if DEBUG && !III_TSAN
    @testable import Storage

    /// Which places of which actors were met, and which of them at the same time.
    ///
    /// `@unchecked Sendable`: one schedule at a time notes in it.
    final class TurnCoverage: @unchecked Sendable {
        typealias Point = (actor: Int, site: TurnSite)

        let names: [String]
        private static let sites = TurnSite.allCases.count
        /// For each pair of points.
        private var met: [UInt32]
        private var points: Int { names.count * Self.sites }

        init(_ names: [String]) {
            self.names = names
            met = Array(repeating: 0, count: names.count * Self.sites * names.count * Self.sites)
        }

        private func point(_ actor: Int, _ site: TurnSite) -> Int { actor * Self.sites + Int(site.rawValue) }

        /// An actor has come to a place while the others are at theirs.
        func note(_ actor: Int, _ places: [TurnSite], _ phases: [Turnstile.Phase]) {
            let row = point(actor, places[actor]) * points
            met.withUnsafeMutableBufferPointer { met in
                for other in places.indices {
                    if case .ended = phases[other] { continue }
                    met[row + point(other, places[other])] &+= 1
                }
            }
        }

        func add(_ other: TurnCoverage) {
            for index in met.indices { met[index] &+= other.met[index] }
        }

        /// How often an actor was at a place.
        func count(_ place: Point) -> Int {
            let point = point(place.actor, place.site)
            return Int(met[point * points + point])
        }

        /// How often one came to its place while the other was at its.
        func count(_ one: Point, _ other: Point) -> Int {
            let (one, other) = (point(one.actor, one.site), point(other.actor, other.site))
            return Int(met[one * points + other]) + Int(met[other * points + one])
        }
    }
#endif
