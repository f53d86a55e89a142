/// What `/api/v1` and, in JSON, `/open311/v2` take and answer, for programs that read it (OpenAPI 3.1).
enum OpenAPI {
    static let document = #"""
        {
          "openapi": "3.1.0",
          "info": {
            "title": "formsapi",
            "version": "1",
            "description": "Takes citizens' forms, seals them at receipt for the city's core network, and shows their state to whoever has receipt and query code. Nothing that was sent can be read here afterwards.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
          },
          "paths": {
            "/api/v1/forms": {
              "get": {
                "operationId": "listForms",
                "summary": "Forms that take submissions",
                "responses": {
                  "200": {
                    "description": "All forms.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["forms"],
                          "properties": {"forms": {"type": "array", "items": {"$ref": "#/components/schemas/FormSummary"}}}
                        }
                      }
                    }
                  }
                }
              }
            },
            "/api/v1/forms/{form}": {
              "get": {
                "operationId": "getForm",
                "summary": "A form's current definition",
                "parameters": [{"$ref": "#/components/parameters/form"}],
                "responses": {
                  "200": {
                    "description": "The definition, as canonical JSON (RFC 8785); its SHA-256 is the digest.",
                    "content": {"application/json": {"schema": {"type": "object"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"}
                }
              }
            },
            "/api/v1/forms/{form}/submissions": {
              "post": {
                "operationId": "submit",
                "summary": "Send a form",
                "parameters": [
                  {"$ref": "#/components/parameters/form"},
                  {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": false,
                    "description": "At least 128 random bits, such as 32 hexadecimal digits or a UUID. For one client and form the same key and content give the same receipt for a day, and the same key with other content is refused; without a key, the same content from the same client within ten minutes gives the same receipt.",
                    "schema": {"type": "string", "minLength": 32, "maxLength": 255, "pattern": "^[!-~]+$"}
                  }
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Submission"}}}
                },
                "responses": {
                  "201": {
                    "description": "Stored and sealed.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
                  },
                  "200": {
                    "description": "It was stored before: the same receipt again.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Receipt"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/forms/{form}/attachments": {
              "post": {
                "operationId": "attach",
                "summary": "Send a file ahead of its form",
                "description": "The body is the file. The claim in the answer goes into `attachments` of a submission of the same form before it `expires`, half an hour later.",
                "parameters": [
                  {"$ref": "#/components/parameters/form"},
                  {"name": "field", "in": "query", "required": true, "schema": {"type": "string"}},
                  {
                    "name": "name",
                    "in": "query",
                    "required": true,
                    "schema": {"type": "string", "minLength": 1}
                  },
                  {
                    "name": "proof",
                    "in": "query",
                    "required": false,
                    "description": "A solved challenge (base64 of JSON), where one was asked for.",
                    "schema": {"type": "string"}
                  }
                ],
                "requestBody": {
                  "required": true,
                  "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
                },
                "responses": {
                  "201": {
                    "description": "Checked, sealed and waiting for its form.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Attachment"}}}
                  },
                  "404": {"$ref": "#/components/responses/Unknown"},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"}
                }
              }
            },
            "/api/v1/status": {
              "post": {
                "operationId": "status",
                "summary": "What became of a submission",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["receipt", "code"],
                        "properties": {"receipt": {"type": "string"}, "code": {"type": "string"}}
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "Its state.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
                  },
                  "404": {"$ref": "#/components/responses/UnknownReceipt"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/papers": {
              "post": {
                "operationId": "paper",
                "summary": "A decision or notice, or its signature",
                "description": "`paper` is its place in `papers` of the status. Opening the newest one is its delivery.",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["receipt", "code", "paper", "part"],
                        "properties": {
                          "receipt": {"type": "string"}, "code": {"type": "string"},
                          "paper": {"type": "integer", "minimum": 0}, "part": {"enum": ["paper", "signature"]}
                        }
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "The file.",
                    "content": {
                      "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                      "application/pkcs7-signature": {"schema": {"type": "string", "format": "binary"}}
                    }
                  },
                  "404": {"$ref": "#/components/responses/UnknownReceipt"},
                  "409": {"description": "There is no such paper, or it counts no more."},
                  "422": {"$ref": "#/components/responses/Invalid"},
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/verify": {
              "post": {
                "operationId": "verify",
                "summary": "Whether a paper counts, by its verification code",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["code"],
                        "properties": {"code": {"type": "string"}}
                      }
                    }
                  }
                },
                "responses": {
                  "200": {
                    "description": "Its state; what it is and the SHA-256 of its bytes where it is known.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["state"],
                          "properties": {
                            "state": {"enum": ["valid", "replaced", "withdrawn", "unknown"]},
                            "title": {"type": "string"}, "titleEn": {"type": "string"}, "number": {"type": "string"},
                            "organ": {"type": "string"}, "organEn": {"type": "string"},
                            "date": {"type": "string", "format": "date"}, "sha256": {"type": "string"}
                          }
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Unreadable"},
                  "429": {"$ref": "#/components/responses/TooMany"},
                  "503": {"$ref": "#/components/responses/Unavailable"},
                  "403": {"$ref": "#/components/responses/OtherSite"},
                  "408": {"$ref": "#/components/responses/TooSlow"},
                  "413": {"$ref": "#/components/responses/TooLarge"},
                  "415": {"$ref": "#/components/responses/MediaType"}
                }
              }
            },
            "/api/v1/challenge": {
              "get": {
                "operationId": "challenge",
                "summary": "A proof-of-work challenge (ALTCHA, version 1)",
                "responses": {
                  "200": {
                    "description": "The challenge.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Challenge"}}}
                  },
                  "503": {"$ref": "#/components/responses/Unavailable"}
                }
              }
            },
            "/open311/v2/services.json": {
              "get": {
                "operationId": "open311Services",
                "summary": "Open311 GeoReport v2: services that take requests",
                "parameters": [{"$ref": "#/components/parameters/locale"}],
                "responses": {
                  "200": {
                    "description": "All services.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "array",
                          "items": {
                            "type": "object",
                            "required": ["service_code", "service_name", "description", "metadata", "type", "keywords", "group"],
                            "properties": {"service_code": {"type": "string"}, "metadata": {"type": "boolean"}, "type": {"enum": ["realtime"]}}
                          }
                        }
                      }
                    }
                  }
                }
              }
            },
            "/open311/v2/services/{service_code}.json": {
              "get": {
                "operationId": "open311Service",
                "summary": "Open311 GeoReport v2: what a service asks for",
                "parameters": [
                  {"name": "service_code", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$", "examples": ["complaint"]}},
                  {"$ref": "#/components/parameters/locale"}
                ],
                "responses": {
                  "200": {
                    "description": "The definition.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "object",
                          "required": ["service_code", "attributes"],
                          "properties": {"attributes": {"type": "array", "items": {"type": "object", "required": ["code", "datatype", "required", "order", "values"]}}}
                        }
                      }
                    }
                  },
                  "404": {"$ref": "#/components/responses/Open311"}
                }
              }
            },
            "/open311/v2/requests.json": {
              "get": {
                "operationId": "open311Requests",
                "summary": "Open311 GeoReport v2: what the core released, newest first",
                "description": "At most 1,000 requests of at most 90 days; without dates, of the last 90.",
                "parameters": [
                  {
                    "name": "service_request_id",
                    "in": "query",
                    "description": "Numbers, separated by commas; overrules the other parameters.",
                    "schema": {"type": "string"}
                  },
                  {"name": "service_code", "in": "query", "description": "Codes, separated by commas.", "schema": {"type": "string"}},
                  {
                    "name": "start_date",
                    "in": "query",
                    "description": "RFC 3339, or a date in China; of `requested_datetime`.",
                    "schema": {"type": "string", "pattern": "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2026-09-01T00:00:00+08:00"]}
                  },
                  {
                    "name": "end_date",
                    "in": "query",
                    "description": "As start_date; a date is counted to its end.",
                    "schema": {"type": "string", "pattern": "^$|^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2026-09-01"]}
                  },
                  {"name": "status", "in": "query", "schema": {"type": "string", "pattern": "^(open|closed|,)*$"}}
                ],
                "responses": {
                  "200": {
                    "description": "The requests.",
                    "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/ReleasedRequest"}}}}
                  },
                  "400": {"$ref": "#/components/responses/Open311"},
                  "429": {"$ref": "#/components/responses/Open311"},
                  "503": {"$ref": "#/components/responses/Open311"}
                }
              },
              "post": {
                "operationId": "open311Submit",
                "summary": "Open311 GeoReport v2: a request",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/x-www-form-urlencoded": {
                      "schema": {
                        "type": "object",
                        "required": ["service_code", "description"],
                        "properties": {
                          "service_code": {"type": "string"},
                          "description": {"type": "string"},
                          "address_string": {"type": "string"},
                          "lat": {"type": "string"},
                          "long": {"type": "string"},
                          "phone": {"type": "string"},
                          "first_name": {"type": "string"},
                          "last_name": {"type": "string"},
                          "media_url": {"type": "string", "description": "Added to the description; never fetched.", "maxLength": 1000}
                        },
                        "additionalProperties": {"type": "string", "description": "`attribute[code]`, as the service's definition says."}
                      }
                    }
                  }
                },
                "responses": {
                  "201": {
                    "description": "A token, which stands for the number that the core gives later.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "array",
                          "items": {
                            "type": "object",
                            "required": ["token", "service_notice"],
                            "properties": {"token": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "service_notice": {"type": "string"}}
                          }
                        }
                      }
                    }
                  },
                  "400": {"$ref": "#/components/responses/Open311"},
                  "403": {"$ref": "#/components/responses/Open311"},
                  "404": {"$ref": "#/components/responses/Open311"},
                  "408": {"$ref": "#/components/responses/Open311"},
                  "413": {"$ref": "#/components/responses/Open311"},
                  "415": {"$ref": "#/components/responses/Open311"},
                  "422": {"$ref": "#/components/responses/Open311"},
                  "429": {"$ref": "#/components/responses/Open311"},
                  "503": {"$ref": "#/components/responses/Open311"}
                }
              }
            },
            "/open311/v2/requests/{service_request_id}.json": {
              "get": {
                "operationId": "open311Request",
                "summary": "Open311 GeoReport v2: one request",
                "parameters": [{"name": "service_request_id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"}}],
                "responses": {
                  "200": {
                    "description": "The request.",
                    "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/ReleasedRequest"}}}}
                  },
                  "404": {"$ref": "#/components/responses/Open311"},
                  "429": {"$ref": "#/components/responses/Open311"},
                  "503": {"$ref": "#/components/responses/Open311"}
                }
              }
            },
            "/open311/v2/tokens/{token}.json": {
              "get": {
                "operationId": "open311Token",
                "summary": "Open311 GeoReport v2: the number for a token; empty until the core's answer has come",
                "parameters": [{"name": "token", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}],
                "responses": {
                  "200": {
                    "description": "Token and number.",
                    "content": {
                      "application/json": {
                        "schema": {
                          "type": "array",
                          "items": {
                            "type": "object",
                            "required": ["token", "service_request_id"],
                            "properties": {"token": {"type": "string"}, "service_request_id": {"type": "string"}}
                          }
                        }
                      }
                    }
                  },
                  "404": {"$ref": "#/components/responses/Open311"},
                  "429": {"$ref": "#/components/responses/Open311"},
                  "503": {"$ref": "#/components/responses/Open311"}
                }
              }
            }
          },
          "components": {
            "schemas": {
              "ReleasedRequest": {
                "type": "object",
                "additionalProperties": false,
                "required": ["service_request_id", "status", "service_code", "requested_datetime"],
                "properties": {
                  "service_request_id": {"type": "string"},
                  "status": {"type": "string", "enum": ["open", "closed"]},
                  "status_notes": {"type": "string"},
                  "service_name": {"type": "string"},
                  "service_code": {"type": "string"},
                  "description": {"type": "string"},
                  "agency_responsible": {"type": "string"},
                  "requested_datetime": {"type": "string", "format": "date-time"},
                  "updated_datetime": {"type": "string", "format": "date-time"},
                  "address": {"type": "string"}
                }
              },
              "Localized": {
                "type": "object",
                "required": ["zh", "en"],
                "properties": {"zh": {"type": "string"}, "en": {"type": "string"}}
              },
              "FormSummary": {
                "type": "object",
                "required": ["id", "kind", "digest", "title"],
                "properties": {
                  "id": {"type": "string"},
                  "kind": {"type": "string", "enum": ["hotline", "approval"]},
                  "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "title": {"$ref": "#/components/schemas/Localized"}
                }
              },
              "Submission": {
                "type": "object",
                "additionalProperties": false,
                "required": ["answers"],
                "properties": {
                  "form": {
                    "description": "Digest of the definition that was filled in; without it, the current one.",
                    "type": "string",
                    "pattern": "^[0-9a-f]{64}$"
                  },
                  "language": {"type": "string", "enum": ["zh", "en"], "default": "zh"},
                  "answers": {
                    "type": "object",
                    "description": "By field: a string; a string or an integer for `number`; an array of strings for `multiple`; \"yes\" or true for `declaration`; an object of strings (unit, village, rest, position) for `address`; null for no answer. Another type is the error `wrongType` of that field. A number with decimals is sent as a string.",
                    "additionalProperties": {
                      "anyOf": [
                        {"type": "string"},
                        {"type": "integer"},
                        {"type": "boolean"},
                        {"type": "null"},
                        {"type": "array", "items": {"type": "string"}},
                        {"type": "object", "additionalProperties": {"type": "string"}}
                      ]
                    }
                  },
                  "attachments": {"type": "array", "maxItems": 100, "items": {"type": "string"}},
                  "proof": {
                    "type": "string",
                    "description": "A solved challenge (base64 of JSON), where one was asked for."
                  }
                }
              },
              "Receipt": {
                "type": "object",
                "required": ["receipt", "code", "repeated"],
                "properties": {
                  "receipt": {"type": "string", "pattern": "^XM[0-9]{6}[0-9A-Z]{9}$"},
                  "code": {"type": "string", "pattern": "^[0-9A-Z]{16}$"},
                  "repeated": {"type": "boolean"}
                }
              },
              "Attachment": {
                "type": "object",
                "required": ["claim", "field", "name", "type", "bytes", "sha256", "expires"],
                "properties": {
                  "claim": {"type": "string"},
                  "field": {"type": "string"},
                  "name": {"type": "string"},
                  "type": {"type": "string"},
                  "bytes": {"type": "integer"},
                  "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "expires": {"type": "string", "format": "date-time"}
                }
              },
              "Status": {
                "type": "object",
                "required": ["state", "version"],
                "properties": {
                  "state": {
                    "type": "string",
                    "enum": ["received", "accepted", "correction", "answered", "granted", "refused", "notAccepted", "withdrawn"]
                  },
                  "version": {"type": "integer"},
                  "text": {"type": "string"},
                  "dates": {"type": "object", "additionalProperties": {"type": "string"}}
                }
              },
              "Challenge": {
                "type": "object",
                "required": ["algorithm", "challenge", "maxnumber", "salt", "signature"],
                "properties": {
                  "algorithm": {"type": "string"},
                  "challenge": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                  "maxnumber": {"type": "integer"},
                  "salt": {"type": "string"},
                  "signature": {"type": "string"}
                }
              },
              "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                  "type": {"type": "string"},
                  "title": {"type": "string"},
                  "detail": {"type": "string"},
                  "status": {"type": "integer"},
                  "code": {"type": "string"},
                  "errors": {
                    "type": "array",
                    "items": {
                      "type": "object",
                      "required": ["field", "code", "message"],
                      "properties": {
                        "field": {"type": "string"},
                        "code": {"type": "string"},
                        "message": {"$ref": "#/components/schemas/Localized"}
                      }
                    }
                  },
                  "challenge": {"$ref": "#/components/schemas/Challenge"}
                }
              }
            },
            "parameters": {
              "form": {
                "name": "form",
                "in": "path",
                "required": true,
                "schema": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$", "examples": ["hotline"]}
              },
              "locale": {
                "name": "locale",
                "in": "query",
                "description": "English where it begins with `en`, else Chinese.",
                "schema": {"type": "string"}
              }
            },
            "responses": {
              "Unknown": {
                "description": "No such form.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Invalid": {
                "description": "Some answers or files need correction (`errors`), or the key was used for other content.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Unreadable": {
                "description": "The request cannot be read.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooMany": {
                "description": "Too much in a short time; with `proofNeeded` a solved challenge helps.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "Open311": {
                "description": "What is wrong, as GeoReport v2 says it.",
                "content": {
                  "application/json": {
                    "schema": {
                      "type": "array",
                      "items": {
                        "type": "object",
                        "required": ["code", "description"],
                        "properties": {"code": {"type": "integer"}, "description": {"type": "string"}}
                      }
                    }
                  }
                }
              },
              "Unavailable": {
                "description": "Nothing was stored; try again later.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "OtherSite": {
                "description": "The request comes from another site.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooSlow": {
                "description": "The body arrived too slowly.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "TooLarge": {
                "description": "The body is too large.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "MediaType": {
                "description": "The body is of another media type.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              },
              "UnknownReceipt": {
                "description": "Unknown receipt or wrong code: the two are not told apart.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
              }
            }
          }
        }

        """#
}
