package import PortalBase

/// Person, role and unit, from when until when (岗位): powers come from posts, never from names.
package struct Post: Sendable, Hashable {
    package let person: String
    package let role: String
    package let unit: String
    package let from: Instant
    /// Nil while it has no end.
    package let until: Instant?

    package init(person: String, role: String, unit: String, from: Instant, until: Instant? = nil) {
        self.person = person
        self.role = role
        self.unit = unit
        self.from = from
        self.until = until
    }

    package func isHeld(at now: Instant) -> Bool { from <= now && (until.map { now < $0 } ?? true) }
}

/// A key that shows who somebody is, and how strongly.
package struct Credential: Sendable, Hashable {
    package let person: String
    /// SHA-256 of the public key, in hexadecimal.
    package let key: String
    /// 2 for a certificate in a device, 3 for one in a usb-key.
    package let level: Int

    package init(person: String, key: String, level: Int) {
        self.person = person
        self.key = key
        self.level = level
    }
}

/// Somebody who is signed in, in one of their posts.
package struct Officer: Sendable, Hashable {
    package let post: Post
    /// How strongly they are known: 1 password, 2 device certificate, 3 usb-key, 4 a signature over the act.
    package let level: Int
    /// Whom they act for (代理); the act counts as that person's too.
    package let deputised: String?

    package init(post: Post, level: Int, deputised: String? = nil) {
        self.post = post
        self.level = level
        self.deputised = deputised
    }

    /// The highest level that a key shows, and that of a signature over one act.
    package static let levelOfUSBKey = 3
    package static let levelOfSignature = 4

    /// The same officer, known so strongly.
    package func at(level: Int) -> Officer { Officer(post: post, level: level, deputised: deputised) }

    /// Whether a signature is all that is missing for a level that an action still needs.
    package func mustSign(for stepUp: Int?) -> Bool { stepUp == Self.levelOfSignature && level == Self.levelOfUSBKey }

    /// Everybody whose act theirs is.
    package var persons: Set<String> { Set([post.person, deputised].compactMap { $0 }) }
}

/// What somebody asks to do, as far as it is a matter of who they are.
package struct Demand: Sendable, Equatable {
    package let role: String
    /// The unit whose post is needed; nil for any.
    package let unit: String?
    /// Persons who took a step before and may not take this one.
    package let excluded: Set<String>
    package let level: Int

    package init(role: String, unit: String?, excluded: Set<String> = [], level: Int) {
        self.role = role
        self.unit = unit
        self.excluded = excluded
        self.level = level
    }
}

/// Whether somebody may; the one place where that is decided.
package enum Verdict: Sendable, Equatable {
    case allow
    /// They may when they are known more strongly.
    case stepUp(level: Int)
    case deny(Reason)

    package enum Reason: String, Sendable {
        /// The post is not held now.
        case post
        case role
        case unit
        /// They took the step before.
        case samePerson
        /// The action is only for those who took an earlier step, and the officer did not.
        case otherPerson
    }

    package init(_ officer: Officer, _ demand: Demand, at now: Instant) {
        self =
            if !officer.post.isHeld(at: now) {
                .deny(.post)
            } else if officer.post.role != demand.role {
                .deny(.role)
            } else if let unit = demand.unit, officer.post.unit != unit {
                .deny(.unit)
            } else if !officer.persons.isDisjoint(with: demand.excluded) {
                .deny(.samePerson)
            } else if officer.level < demand.level {
                .stepUp(level: demand.level)
            } else {
                .allow
            }
    }
}
